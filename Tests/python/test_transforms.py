"""Augmentation: each image its own draw, values from the image, repeated by the seed."""

import betty
import numpy as np
import pytest
from betty import transforms

IMAGES = betty.arange(2.0 * 3 * 6 * 5).reshape(2, 3, 6, 5) + 1


def test_crops_are_windows_of_each_image():
    betty.manual_seed(0)
    x = IMAGES[:1].expand(50, 3, 6, 5)
    found = transforms.RandomCrop((4, 5), padding=1)(x).numpy()
    padded = np.pad(IMAGES[0].numpy(), ((0, 0), (1, 1), (1, 1)))
    windows = [padded[:, i : i + 4, j : j + 5] for i in range(5) for j in range(3)]
    which = [next(n for n, w in enumerate(windows) if (w == image).all()) for image in found]
    assert len(set(which)) > 8
    assert transforms.RandomCrop((6, 5))(IMAGES).tolist() == IMAGES.tolist()


def test_flips():
    x = IMAGES[:1].expand(40, 3, 6, 5)
    for transform, axis in (
        (transforms.RandomHorizontalFlip, 2),
        (transforms.RandomVerticalFlip, 1),
    ):
        found = transform(generator=betty.Generator().manual_seed(4))(x).numpy()
        plain = IMAGES[0].numpy()
        turned = [(image == np.flip(plain, axis)).all() for image in found]
        assert all(t or (image == plain).all() for t, image in zip(turned, found, strict=True))
        assert 8 < sum(turned) < 32
    assert (transforms.RandomHorizontalFlip(1.0)(IMAGES) == IMAGES.flip(3)).all()


def test_cutout_is_one_square():
    found = transforms.Cutout(3)(IMAGES.expand(2, 3, 6, 5)).numpy()
    for image, plain in zip(found, IMAGES.numpy(), strict=True):
        hole = image == 0
        assert (image[~hole] == plain[~hole]).all()
        assert (hole == hole[:1]).all()
        rows, columns = np.flatnonzero(hole[0].any(1)), np.flatnonzero(hole[0].any(0))
        assert 2 <= len(rows) <= 3
        assert 2 <= len(columns) <= 3
        assert hole[0].sum() == len(rows) * len(columns)


def test_composed_and_normalised():
    augment = transforms.Compose(
        [transforms.RandomCrop(4), transforms.Normalize([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])]
    )
    betty.manual_seed(2)
    first = augment(IMAGES)
    betty.manual_seed(2)
    assert (augment(IMAGES) == first).all()
    plain = transforms.Normalize([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])(IMAGES)
    assert plain[0, 2, 0, 0].item() == (IMAGES[0, 2, 0, 0].item() - 3) / 4


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: transforms.RandomCrop(9)(IMAGES), "9 exceeds dimension 2"),
        (lambda: transforms.Cutout(2)(IMAGES[0]), r"takes floating point images \[N, C, H, W\]"),
        (lambda: transforms.RandomHorizontalFlip(1.5), "p must be between 0 and 1"),
        (lambda: transforms.Normalize([1.0], [0.0]), "deviations above 0"),
    ],
)
def test_errors(call, text):
    with pytest.raises(ValueError, match=text):
        call()
