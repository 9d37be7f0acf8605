"""What locomotion and π0 training share."""
