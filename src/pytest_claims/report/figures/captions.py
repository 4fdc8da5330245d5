"""How to read figures of seeds, in a sentence."""

CAPTION = "Each dot is a seed; the bar is the mean over seeds with its 99 % interval."
SHARES = "Each dot is a seed: 1 if it shows the claimed effect, else 0. The bar is the share with its {level} interval."
#: Of more seeds than a figure shows one by one.
BINNED = (
    "The wider the bar, the more of the {seeds} seeds have that value; the cross is their mean with its 99 % interval."
)
BINNED_SHARES = (
    "The wider the bar, the more of the {seeds} seeds: at 1 they show the claimed effect, at 0 not. The cross is the "
    "share with its {level} interval."
)
