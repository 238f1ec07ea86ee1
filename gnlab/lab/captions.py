"""What each card says: its title, and one sentence on what it shows and how to read it."""

CAPTIONS: dict[str, tuple[str, str]] = {
    "hessian": (
        "Curvature between groups, H̄",
        "Each cell is the loss' second derivative along the steps of two groups; off the diagonal "
        "is what separate learning rates for each tensor would ignore. Double-click: nearer.",
    ),
    "inverse": (
        "Its inverse, H̄⁻¹",
        "What turns slopes into step sizes: a strong cell off the diagonal means that one group's "
        "slope moves the other group's step.",
    ),
    "rates": (
        "Learning rate of each group, now",
        "Bars are the step sizes η in use, none if the safeguard refused the step; the stroke is "
        "what the last solve asked for, a hollow triangle that it was negative and counts as zero.",
    ),
    "rates-history": (
        "Learning rate of each group, over time",
        "A row is a group, time runs to the right, brighter is a larger step size; grey is zero, "
        "asked to be negative or refused.",
    ),
    "loss": (
        "Loss and accuracy",
        "Below the smoothed training loss lies each minibatch's own; validation is measured now "
        "and then on data that are not trained on.",
    ),
    "agreement": (
        "Predicted and measured decrease of the loss",
        "Points on the line: the small model of size S told the truth about that step; points "
        "below zero: the step made the loss worse.",
    ),
    "damping": (
        "Third order: D, and how much it regularises",
        "Left, the scale D at which each group's curvature changes; right, R, which is added to "
        "the diagonal of H̄: where R lies beyond the diamond, the cubic term sets the step.",
    ),
    "trust": (
        "The cubic solve over time",
        "r = ‖Dη‖ is the length of the step in units in which curvature changes; it never falls "
        "below r₀, which is above zero only while the smallest eigenvalue κ_min is negative. λ₁ "
        "taken: what the safeguard lets through of λ₁.",
    ),
    "anatomy": (
        "Anatomy of H̄: what bends the loss",
        "H̄ is the sum of three parts, here on one colour scale: Gauss–Newton, the bend of the loss "
        "itself, never negative where the loss is convex; that of the activations; and that of "
        "the products of weights and inputs. What makes H̄ indefinite is in the latter two: a "
        "negative cell on the diagonal names the layer, in the products any cell names the pair. "
        "Over time: each part's share ηᵀH_kη / Σ_j |ηᵀH_jη| of the bend along the step, below "
        "zero where it bends the loss down.",
    ),
    "what-if": (
        "What if: one step from here at every level",
        "The same loss, batch and direction, cut ever more finely: the line is what each level's "
        "model promises of one full step, a dot what that step would really bring; a dot below "
        "the line shows how far the model can be trusted. Beside it, what a summary costs at each "
        "level, and dashed its solve. Below, promise and truth over training, a row to a level, "
        "blue where the loss would have gone up, a colour of its own where there was no step.",
    ),
}
"""Title and caption by the card's name."""

KEYS = "space play · → step · ← rewind · R reset · [ ] coarser, finer"
