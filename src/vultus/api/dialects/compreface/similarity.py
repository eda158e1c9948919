"""CompreFace's similarity, 0 to 1: 0.5 where one in a hundred other people would pass, 0.88 to 0.97 at 1e-4 to 1e-6.

Its default build puts these rates there: it takes the distance d of two FaceNet embeddings to
(tanh((1.1818 - d) * 5.2920) + 1) / 2.
"""

from __future__ import annotations

from vultus.api.dialects.score_scale import ScoreScale

DECIMALS = 5
UNDECIDED = 0.5  # the most of a face that is too damaged to decide on: it tells neither same nor other
SIMILARITY = ScoreScale(
    anchors=((1e-1, 0.25), (1e-2, 0.5), (1e-3, 0.75), (1e-4, 0.88), (1e-5, 0.93), (1e-6, 0.97)), least=0.0, most=1.0
)
