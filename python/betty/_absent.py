"""Names of PyTorch that are missing by design, and why: a program that asks for one is told."""

from __future__ import annotations

#: By module the reasons, and the names of each.
_WHY = {
    "betty": {
        "the element types are float64, float32, float16, bfloat16, int64, int32, uint8 and bool": (
            "int8 int16 short char uint16 uint32 uint64 float8_e4m3fn float8_e5m2"
        ),
        "there are no complex numbers": (
            "complex complex32 complex64 complex128 chalf cfloat cdouble polar view_as_complex "
            "view_as_real fft stft istft"
        ),
        "there are no sparse tensors, every tensor keeps all of its elements": (
            "sparse sparse_coo_tensor sparse_csr_tensor sparse_csc_tensor sparse_bsr_tensor "
            "sparse_bsc_tensor sparse_compressed_tensor sparse_csc sparse_bsr sparse_bsc"
        ),
        "there are no quantized tensors, Config(precision=...) stores them in 16 bits": (
            "quantize_per_tensor quantize_per_channel quantize_per_tensor_dynamic dequantize "
            "quantization ao qint8 quint8 qint32 qscheme"
        ),
        "steps are recorded and compiled by themselves, betty.dump shows what was made": (
            "fx export"
        ),
    },
    "betty.distributed": {
        "one process computes, EngineConfig(strategy='data_parallel') runs replicas on threads": (
            "init_process_group destroy_process_group new_group all_reduce all_gather all_to_all "
            "all_gather_object barrier broadcast broadcast_object_list gather reduce scatter send "
            "reduce_scatter recv isend irecv get_backend ReduceOp ProcessGroup rpc launch elastic "
            "fsdp"
        ),
    },
}


def refused(module: str, name: str) -> AttributeError:
    """What a module raises for a name that it does not have."""
    reason = next((f": {why}" for why, names in _WHY[module].items() if name in names.split()), "")
    return AttributeError(f"module '{module}' has no attribute '{name}'{reason}")
