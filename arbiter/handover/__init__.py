"""Which policy drives which joint, and how joints change hands: warm, gate, bridge, blend; coming to rest."""
