"""Finding the one face in a photo: shared by all video engines."""

from deployments.video.faces.finder import Face, find_face

__all__ = ["Face", "find_face"]
