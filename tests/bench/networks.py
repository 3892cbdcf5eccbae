# SPDX-License-Identifier: LGPL-2.1-or-later
"""The reference networks in PyTorch: Feature Pyramid Networks on a ResNet-18, whole and of half width."""
from torch import nn
from torch.nn import functional as F

WIDTHS = {"r18gn": ((64, 128, 256, 512), 256, 128), "r18h": ((32, 64, 128, 256), 128, 64)}


def conv_norm(inputs, outputs, kernel, stride):
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs))


class Block(nn.Module):
    """A ResNet's basic block."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first = conv_norm(inputs, outputs, 3, stride)
        self.second = conv_norm(outputs, outputs, 3, 1)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else conv_norm(inputs, outputs, 1, stride)

    def forward(self, x):
        return F.relu(self.second(F.relu(self.first(x))) + self.shortcut(x))


class Smooth(nn.Module):
    """3x3 convolution, GroupNorm, ReLU, and twice the size where asked for."""

    def __init__(self, inputs, outputs, up):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)
        self.norm = nn.GroupNorm(32, outputs)
        self.up = up

    def forward(self, x):
        x = F.relu(self.norm(self.conv(x)))
        if not self.up:
            return x
        return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True)


class Fpn(nn.Module):
    """@name: r18gn or r18h; three channels in, @classes out, GroupNorm in the segmentation branches."""

    def __init__(self, name, classes=4):
        super().__init__()
        widths, pyramid, segmentation = WIDTHS[name]
        self.stem = conv_norm(3, widths[0], 7, 2)
        inputs = (widths[0],) + tuple(widths[:-1])
        self.stages = nn.ModuleList(
            nn.Sequential(Block(i, o, 1 if k == 0 else 2), Block(o, o, 1))
            for k, (i, o) in enumerate(zip(inputs, widths)))
        self.laterals = nn.ModuleList(nn.Conv2d(w, pyramid, 1) for w in widths)
        self.branches = nn.ModuleList(
            nn.Sequential(*(Smooth(pyramid if i == 0 else segmentation, segmentation, k > 0)
                            for i in range(max(k, 1)))) for k in range(4))
        self.head = nn.Conv2d(segmentation, classes, 1)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.stem(x)), 3, 2, 1)
        features = []
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        level, merged = None, None
        for k in reversed(range(4)):
            lateral = self.laterals[k](features[k])
            level = lateral if level is None else lateral + F.interpolate(level, scale_factor=2.0)
            branch = self.branches[k](level)
            merged = branch if merged is None else merged + branch
        return F.interpolate(self.head(merged), scale_factor=4.0, mode="bilinear", align_corners=True)
