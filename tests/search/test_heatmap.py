import cv2
import numpy as np

from search.heatmap import RED, both, box, draw, png


def test_the_largest_share_of_each_edge_is_framed() -> None:
    rng = np.random.default_rng(0)
    shares = rng.dirichlet(np.ones(7), 7)
    picture = cv2.imdecode(np.frombuffer(png(draw(shares, "IEM")), np.uint8), cv2.IMREAD_COLOR)
    for row in range(7):
        framed = []
        for column in range(7):
            left, top, right, bottom = box(row, column)
            corners = picture[[top + 1, top + 1, bottom - 1, bottom - 1], [left + 1, right - 1] * 2]
            framed.append((corners == RED).all())
        assert framed == [column == shares[row].argmax() for column in range(7)]


def test_a_larger_share_is_brighter() -> None:
    shares = np.full((7, 7), 0.1)
    shares[2, 3], shares[4, 5] = 0.2, 0.3
    picture = draw(shares, "IEM")
    brightness = [picture[box(r, c)[1] + 5, box(r, c)[0] + 5].sum() for r, c in ((0, 1), (2, 3), (4, 5))]
    assert brightness == sorted(brightness) and len(set(brightness)) == 3


def test_equal_shares_can_be_drawn_side_by_side() -> None:
    picture = draw(np.full((7, 7), 1 / 7), "NRM")
    assert both(picture, picture).shape == (picture.shape[0], 2 * picture.shape[1], 3)
