"""A street at night, rendered by the project itself: the sample clip and pictures to learn from."""
