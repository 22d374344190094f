"""counter-python: a state machine plugin of Pontoon."""

import pontoon

from machine import Counter

if __name__ == "__main__":
    pontoon.serve(Counter(), name="counter-python", version="1.0.0", state_hash="value/1")
