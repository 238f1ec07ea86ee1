"""Networks of torchvision take the fast pass, in train and eval mode, and it is right."""

import copy

import pytest
import torch
from torch import nn
from torchvision import models

from gnlab.partitions import partition
from gnlab.summaries import summarise

DOUBLE = torch.float64


def vit():
    return models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=10, dropout=0.1)


def swin():
    return models.SwinTransformer(
        [2, 2], 24, [2, 2], [2, 4], [4, 4], num_classes=10, stochastic_depth_prob=0.3
    )


def with_frozen_layers(make):
    """A network all of whose wide layers at the end but the last are frozen: 10⁸ parameters."""

    def build():
        model = make(num_classes=10)
        model.classifier[:-1].requires_grad_(False)
        return model

    return build


def narrow(**options):
    return models.mobilenet_v2(width_mult=0.5, **options)


# By name: a network, and the side of the smallest image that it takes.
SMALL = {
    "vit": (vit, 32),
    "swin": (swin, 32),
    "squeezenet1_1": (models.squeezenet1_1, 32),
    "shufflenet_v2_x0_5": (models.shufflenet_v2_x0_5, 32),
}
LARGE = {
    "resnet18": (models.resnet18, 32),
    "vgg11": (with_frozen_layers(models.vgg11), 32),
    "mobilenet_v2": (narrow, 32),
    "densenet121": (models.densenet121, 32),
    "efficientnet_b0": (models.efficientnet_b0, 32),
    "convnext_tiny": (models.convnext_tiny, 32),
    "swin_t": (models.swin_t, 32),
}
MORE = {
    "alexnet": (with_frozen_layers(models.alexnet), 63),
    "regnet_y_400mf": (models.regnet_y_400mf, 32),
    "mnasnet0_5": (models.mnasnet0_5, 32),
    "mobilenet_v3_small": (models.mobilenet_v3_small, 32),
    "googlenet": (lambda: models.googlenet(aux_logits=False, init_weights=False), 32),
}


def problem(make, size, mode, level, dtype=DOUBLE):
    torch.manual_seed(0)
    model = make().to(dtype).train(mode == "train")
    x, y = torch.randn(2, 3, size, size, dtype=dtype), torch.tensor([1, 7])
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    with torch.no_grad():
        for _, p in named:  # a head that starts at zero has no curvature
            p.add_(1e-3 * torch.randn_like(p))
    u = {n: torch.randn_like(p) * p.detach().abs().mean() for n, p in named}
    return model, nn.CrossEntropyLoss(label_smoothing=0.1), (x, y), partition(model, level), u


def check(name, mode, level):
    asked = problem(*{**SMALL, **LARGE}[name], mode, level)
    fast = summarise(*asked, method="jets")
    plain = summarise(*asked, method="autodiff")
    for found, known in ((fast.g, plain.g), (fast.H, plain.H), (fast.third, plain.third)):
        assert (found - known).abs().max() <= 1e-10 * known.abs().max()
    assert fast.inert.equal(plain.inert)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", SMALL)
def test_small_networks(name, mode):
    check(name, mode, "role")


# Train mode draws the random numbers of dropout and stochastic depth, and is the harder one; the
# plain definition takes seconds for each group.
@pytest.mark.parametrize("name", LARGE)
def test_large_networks(name):
    # EfficientNet's plain definition in train mode takes as long as three others.
    check(name, "eval" if name == "efficientnet_b0" else "train", "role")


@pytest.mark.parametrize("name", [*LARGE, *MORE])
def test_large_networks_in_eval_mode_take_the_fast_pass(name):
    asked = problem(*(LARGE | MORE)[name], "eval", "chunk:3")
    along_gradient(asked, summarise(*asked, method="jets"))


def test_a_whole_vision_transformer_takes_the_fast_pass():
    def make():
        return models.vit_b_16(image_size=32, num_classes=10)

    asked = problem(make, 32, "train", "role")
    along_gradient(asked, summarise(*asked, method="jets"))


# As torchvision has them: 1.3·10⁸ parameters and 3.5·10⁶, in single precision for want of memory.
WHOLE = {
    "vgg11": lambda: models.vgg11(init_weights=False),
    "mobilenet_v2": models.mobilenet_v2,
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_networks_take_the_fast_pass(name):
    asked = problem(WHOLE[name], 32, "eval", "role", torch.float32)
    assert all(p.requires_grad for p in asked[0].parameters())
    along_gradient(asked, summarise(*asked, method="jets"), 1e-4)


def swin_v2():
    """Attention of cosines with masked windows; its bias of the keys is set to zero in place."""
    return models.SwinTransformer(
        [4, 4], 24, [2, 2], [2, 4], [4, 4], num_classes=10, stochastic_depth_prob=0.3,
        block=models.swin_transformer.SwinTransformerBlockV2,
        downsample_layer=models.swin_transformer.PatchMergingV2,
    )  # fmt: skip


def test_swin_v2_takes_the_fast_pass_and_is_right_by_differences():
    model, *rest, p, u = problem(swin_v2, 32, "eval", "role")
    found = summarise(model, *rest, p, u)
    assert found.method == "jets"
    assert all(v.isfinite().all() for v in (found.g, found.H, found.third))
    for s in range(p.num_groups):
        # So short that it crosses no kink of a ReLU, wherever torch's version starts the model.
        H, step = [], 1e-6
        for sign in (1, -1):
            moved = copy.deepcopy(model)
            eta = torch.zeros(p.num_groups, dtype=DOUBLE)
            eta[s] = sign * step
            spread = p.expand(eta)
            with torch.no_grad():
                for n, q in moved.named_parameters():
                    q.add_(u[n] * spread[n])
            H.append(summarise(moved, *rest, p, u).H[s, s])
        third = (H[0] - H[1]) / (2 * step)
        assert (found.third[s] - third).abs() <= 1e-5 * (third.abs() + found.H[s, s].abs())


def along_gradient(asked, found, near=1e-9):
    """Ḡ against the gradient; the summary's other numbers are finite and not all zero."""
    model, loss_fn, (x, y), p, u = asked
    names = list(u)
    if not any(isinstance(m, nn.Dropout) and model.training for m in model.modules()):
        parameters = dict(model.named_parameters())
        grads = torch.autograd.grad(loss_fn(model(x), y), [parameters[n] for n in names])
        g = sum((u[n] * grad).sum() for n, grad in zip(names, grads, strict=True))
        torch.testing.assert_close(found.g.sum(), g.detach(), rtol=near, atol=0)
    for values in (found.H, found.third):
        assert values.isfinite().all()
        assert values.abs().max() > 0
    assert p.num_groups == len(found.g)
