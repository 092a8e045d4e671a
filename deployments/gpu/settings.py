"""What a replica promises of its card. Composed into the settings of each stage that can use one."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class GpuSettings(BaseModel):
    """One replica's share of one GPU. Ray's `num_gpus` is bookkeeping only; this is what is checked.

    Without `vram_gigabytes` nothing is checked and no GPU library is loaded: the CPU profile.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    vram_gigabytes: float | None = Field(
        None, gt=0, description="Memory (10^9 bytes) a replica may take of its card, its CUDA context included."
    )
    reserve_gigabytes: float = Field(
        1.0, ge=0, description="Of each card, left to the driver, the encoder's sessions and the MPS server."
    )
    capped_by: Literal["torch", "nothing"] = Field(
        "nothing",
        description="torch: its allocator refuses to go over the budget. CTranslate2 and TensorRT have no such "
        "switch: what they take is measured after warm-up.",
    )
    beside_torch_gigabytes: float = Field(
        0.0, ge=0, description="Of the promise, kept for what else the replica loads, as ONNX Runtime: not torch's."
    )
    mps: Literal["auto", "require", "off"] = Field(
        "auto",
        description="NVIDIA's Multi-Process Service, which lets kernels of several replicas overlap. auto: used where "
        "its daemon runs; require: no start without it; off: not used, though it runs.",
    )
    min_driver: str = Field(
        "580.65", pattern=r"^\d+(\.\d+)*$", description="Oldest NVIDIA driver accepted; CUDA 13 needs 580.65."
    )
    ledger_folder: str = Field(
        "/tmp/realtime-avatar-gpu",
        min_length=1,
        description="Where the replicas of one machine write down what they have promised, a file for each card.",
    )
    patience_seconds: float = Field(
        30.0, ge=0, description="How long a start waits for the replica that it replaces to leave the card."
    )
