"""Which of the 478 mesh points are what. Right and left are the person's own; right is left in the picture."""

import numpy as np
import numpy.typing as npt


def _indices(text: str) -> npt.NDArray[np.int64]:
    return np.array(text.split(), np.int64)


# Outer contour, inner contour, two rings between: the order in which the lip head of the network answers.
LIPS = _indices(
    """
    61 146 91 181 84 17 314 405 321 375 291 185 40 39 37 0 267 269 270 409
    78 95 88 178 87 14 317 402 318 324 308 191 80 81 82 13 312 311 310 415
    76 77 90 180 85 16 315 404 320 307 306 184 74 73 72 11 302 303 304 408
    62 96 89 179 86 15 316 403 319 325 292 183 42 41 38 12 268 271 272 407
    """
)
RIGHT_EYE_REFINED = _indices(
    """
    33 7 163 144 145 153 154 155 133 246 161 160 159 158 157 173
    130 25 110 24 23 22 26 112 243 247 30 29 27 28 56 190
    226 31 228 229 230 231 232 233 244 113 225 224 223 222 221 189
    35 124 46 53 52 65 143 111 117 118 119 120 121 128 245
    156 70 63 105 66 107 55 193
    """
)
LEFT_EYE_REFINED = _indices(
    """
    263 249 390 373 374 380 381 382 362 466 388 387 386 385 384 398
    359 255 339 254 253 252 256 341 463 467 260 259 257 258 286 414
    446 261 448 449 450 451 452 453 464 342 445 444 443 442 441 413
    265 353 276 283 282 295 372 340 346 347 348 349 350 357 465
    383 300 293 334 296 336 285 417
    """
)
POINTS = 478
"""468 of the mesh, then five for each iris (centre, and four on its rim), right eye first."""

UPPER_SEAM = np.array([78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308])
LOWER_SEAM = np.array([78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308])
UPPER_OUTER = np.array([61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291])
LOWER_OUTER = np.array([61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291])
MOUTH_RIGHT, MOUTH_LEFT = 78, 308
RIGHT_EYE_OUTER, RIGHT_EYE_INNER, LEFT_EYE_INNER, LEFT_EYE_OUTER = 33, 133, 362, 263
FOREHEAD, CHIN, NOSE_TIP, NOSE_BASE = 10, 152, 4, 2
RIGHT_CHEEK, LEFT_CHEEK = 234, 454
FACE_OVAL = _indices(
    """
    10 338 297 332 284 251 389 356 454 323 361 288 397 365 379 378 400 377
    152 148 176 149 150 136 172 58 132 93 234 127 162 21 54 103 67 109
    """
)

RIGHT_UPPER_LID = np.array([33, 246, 161, 160, 159, 158, 157, 173, 133])
RIGHT_LOWER_LID = np.array([33, 7, 163, 144, 145, 153, 154, 155, 133])
LEFT_UPPER_LID = np.array([362, 398, 384, 385, 386, 387, 388, 466, 263])
LEFT_LOWER_LID = np.array([362, 382, 381, 380, 374, 373, 390, 249, 263])
RIGHT_BROW = np.array([70, 63, 105, 66, 107])
LEFT_BROW = np.array([336, 296, 334, 293, 300])
RIGHT_IRIS, LEFT_IRIS = slice(468, 473), slice(473, 478)
