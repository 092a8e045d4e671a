"""What Ditto's networks run on, and how."""

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Runtime = Literal["torch", "onnxruntime", "tensorrt"]
Device = Literal["cuda", "cpu"]
Precision = Literal["fp32", "fp16", "int8"]


class RuntimeSettings(BaseModel):
    """The runtime of W and G (the renderer), of the motion model and of HuBERT."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    runtime: Runtime = Field(
        "torch",
        description="torch: our own networks as they are. onnxruntime: the same, exported. tensorrt: engines that "
        "`avatar engines build` has made on this card.",
    )
    tensorrt_library: Literal["tensorrt", "tensorrt_rtx"] = Field(
        "tensorrt",
        description="Whose engines the runtime tensorrt uses: TensorRT's, built on this card, or TensorRT-RTX's, which "
        "can be built ahead of time for a card that is not there.",
    )
    device: Device = Field("cpu", description="Where the networks run.")
    device_index: int = Field(
        0, ge=0, le=15, description="Which of the GPUs that this process sees; Ray shows a replica its own as 0."
    )
    precision: Precision = Field(
        "fp32",
        description="Of W and G: fp16 halves time and memory on a GPU, sampling stays fp32; int8 needs engines that "
        "were calibrated on your own avatars. The motion model and HuBERT are always fp32.",
    )
    cuda_graphs: bool = Field(
        True, description="On a GPU, record each batch shape once and replay it: no launch overhead, some more memory."
    )
    channels_last: bool = Field(
        True, description="On a GPU, keep channels innermost in memory, which tensor cores prefer. Not for TensorRT."
    )
    fused_spade: bool = Field(
        True,
        description="On a GPU, modulate SPADE's features by one Triton kernel instead of five of torch's. Torch only.",
    )
    max_batch_frames: int = Field(
        5, ge=1, le=32, description="Most frames that W and G make at once; engines are built for 1 up to this."
    )
    threads: int = Field(1, ge=1, le=64, description="CPU threads of ONNX Runtime and of torch.")
    onnx_memory_mb: int | None = Field(
        None, ge=256, description="Most memory that each ONNX Runtime session may take of the GPU. None: no limit."
    )
    engines_dir: Path = Field(
        Path("~/.cache/realtime-avatar/engines"),
        validate_default=True,
        description="Folder of the engines and exported graphs, one subfolder a key. A leading ~ is expanded.",
    )

    @field_validator("engines_dir")
    @classmethod
    def _expand_engines_dir(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @property
    def half(self) -> bool:
        """Whether W and G compute in float16. Where they are in 8 bits, that is for what lies between the 8-bit layers
        on a GPU; on a CPU it stays float32."""
        return self.precision == "fp16" or (self.precision == "int8" and self.device == "cuda")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.runtime == "tensorrt" and self.device == "cpu":
            raise ValueError("runtime tensorrt needs device cuda")
        if self.runtime == "torch" and self.precision == "int8":
            raise ValueError("precision int8 needs runtime tensorrt or onnxruntime: torch has fp32 and fp16")
        if self.runtime == "torch" and self.device == "cpu" and self.precision == "fp16":
            raise ValueError("precision fp16 needs device cuda: on a CPU it is slower than fp32 and not exact")
        return self
