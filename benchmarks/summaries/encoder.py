"""A small transformer encoder that classifies images: patches, four blocks, a mean, ten classes."""

import torch
from torch import Tensor, nn
from torch.nn import functional

PATCH = 4


class Positions(nn.Module):
    """Adds a learned vector to each token."""

    def __init__(self, tokens: int, width: int) -> None:
        super().__init__()
        self.offsets = nn.Parameter(0.02 * torch.randn(tokens, width))

    def forward(self, x: Tensor) -> Tensor:
        """The tokens with their positions, [N, tokens, width]."""
        return x + self.offsets


class Block(nn.Module):
    """Attention and a perceptron, each after a normalisation and beside a skip."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """The block's output, [N, tokens, width]."""
        parts = self.mix(self.norm1(x)).unflatten(-1, (3, self.heads, -1))
        q, k, v = parts.permute(2, 0, 3, 1, 4)
        heads = functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out(heads.transpose(1, 2).flatten(2))
        return x + self.down(functional.gelu(self.up(self.norm2(x))))


class Encoder(nn.Module):
    """The classifier, of 3×32×32 images unless told otherwise."""

    def __init__(self, width: int = 128, heads: int = 4, depth: int = 4, size: int = 32) -> None:
        super().__init__()
        self.patches = nn.Linear(3 * PATCH**2, width)
        self.positions = Positions((size // PATCH) ** 2, width)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, images: Tensor) -> Tensor:
        """The classes' scores, [N, 10]."""
        cut = images.unfold(2, PATCH, PATCH).unfold(3, PATCH, PATCH)  # [N, 3, rows, columns, …]
        tokens = cut.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)
        return self.head(self.norm(self.blocks(self.positions(self.patches(tokens)))).mean(1))
