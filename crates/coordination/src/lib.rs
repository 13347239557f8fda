//! What the programs of a fleet tell each other through Redis: hints, which losing costs nothing.
