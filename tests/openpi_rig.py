"""A server of the openpi protocol whose backend answers with its inputs."""

import threading

import numpy as np

from policies.chunk.protocol import ChunkObservation

JOINTS = ("a", "b")


class Backend:
    """Answers with its inputs, so that a test sees what arrived."""

    name, joints, rate_hz, horizon, needs_image, supports_rtc = "echo", JOINTS, 50.0, 5, True, True

    def predict(self, observation, prompt, *, previous=None, delay_steps=0, seed=0):
        self.seen = (observation, prompt, previous, delay_steps, seed)
        return np.tile(observation.joint_pos, (5, 1)) + seed

    def close(self):
        pass


def observation(value: float = 0.5, image=True) -> ChunkObservation:
    picture = np.full((4, 4, 3), 7, np.uint8) if image else None
    return ChunkObservation(0.0, np.full(2, value), np.zeros(2), picture, 0.0)


def running(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
