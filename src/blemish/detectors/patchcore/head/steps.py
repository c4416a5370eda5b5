"""How the head is trained: numbers that the plan knows without torch."""

STEPS = 600
SPOILT_A_STEP, GOOD_A_STEP = 5, 3
A_STEP = SPOILT_A_STEP + GOOD_A_STEP
LEARNING_RATE, WARM_UP = 2e-3, 20
LOUDEST_OF, LOUDEST_WEIGHT = 256, 0.05  # one cell in so many of a good image, and its weight
