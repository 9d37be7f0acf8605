"""The extra of this package that provides a library which the base install lacks, and the advice to install it."""

from __future__ import annotations

_LIBRARIES = {
    "viewer": ("av", "PIL", "trimesh", "viser"),
    "robot": ("can", "cv2", "evdev", "msgpack", "serial", "websockets"),
    "train": (
        "accelerate",
        "cma",
        "h5py",
        "lerobot",
        "matplotlib",
        "mink",
        "mjlab",
        "onnx",
        "onnxscript",
        "peft",
        "rsl_rl",
        "scipy",
        "sentence_transformers",
        "sklearn",
        "tensorboard",
        "tensordict",
        "torch",
        "tqdm",
        "transformers",
    ),
    "ray": ("ray",),
    "eight-bit": ("bitsandbytes",),
    "gpu": ("cuda", "tensorrt"),
}
EXTRA_OF = {library: extra for extra, libraries in _LIBRARIES.items() for library in libraries}


def advice(extra: str) -> str:
    """The command that adds `extra`. Without --inexact, uv takes away every other extra and the user's own packages."""
    return f"the extra `{extra}`: uv sync --inexact --extra {extra}"


def library_of(error: ImportError) -> str:
    """The library of an extra that `error` reports as missing; "" if the error has another cause."""
    library = (error.name or "").partition(".")[0]
    return library if isinstance(error, ModuleNotFoundError) and library in EXTRA_OF else ""


def needed(library: str) -> str:
    """The advice for a missing `library`, in one line."""
    return f"needs {library}, which comes with {advice(EXTRA_OF[library])}"
