"""How policies are made: locomotion, π0 and the router."""
