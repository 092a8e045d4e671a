"""From speech to driven keypoints: Ditto's motion, step by step. numpy on the host; networks are asked for."""
