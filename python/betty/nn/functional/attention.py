"""Attention (Vaswani et al., "Attention is all you need", NeurIPS 2017)."""

from __future__ import annotations

from math import sqrt

from betty import _functions as ops
from betty._creation import zeros
from betty._native import Tensor
from betty._native import bool as boolean
from betty._warnings import warn
from betty.nn.functional.dropouts import dropout
from betty.nn.functional.layers import linear, pad

__all__ = ["multi_head_attention_forward", "scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query keyᵀ scale + mask) value over [..., length, width].

    Value and gradient take memory linear in the lengths; a second derivative takes it for all L S
    weights.

    Args:
        query: [..., L, E].
        key: [..., S, E].
        value: [..., S, V].
        attn_mask: Broadcasts to [..., L, S]: bool (True takes part) or added to the scores.
        dropout_p: Probability with which a weight is zeroed; always applied when positive.
        is_causal: Position i sees the positions up to i; no attn_mask then.
        scale: 1 / sqrt(E) by default.
        enable_gqa: Groups of heads (axis -3) of query share a head of key and value.

    Example:
        >>> import betty
        >>> x = betty.randn(2, 8, 50, 64)
        >>> betty.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True).shape
        betty.Size([2, 8, 50, 64])
    """
    if is_causal and attn_mask is not None:
        raise RuntimeError(
            "scaled_dot_product_attention: attn_mask and is_causal exclude each other"
        )
    if not 0.0 <= dropout_p <= 1.0:
        raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {dropout_p}")
    if enable_gqa:
        key, value = (_shared_heads(query, part) for part in (key, value))
    options = {} if scale is None else {"scale": float(scale)}
    if dropout_p == 0.0:
        return ops.attention(query, key, value, attn_mask, is_causal=is_causal, **options)
    return ops.attention_dropout(
        query, key, value, mask=attn_mask, p=dropout_p, is_causal=is_causal, **options
    )


def _shared_heads(query: Tensor, part: Tensor) -> Tensor:
    heads, own = query.shape[-3], part.shape[-3]
    if own == 0 or heads % own:
        raise RuntimeError(
            f"scaled_dot_product_attention: {heads} query heads are no multiple of {own} heads"
        )
    return part if heads == own else part.repeat_interleave(heads // own, -3)


def _weights(query: Tensor, key: Tensor, mask: Tensor | None) -> Tensor:
    """The attention weights [..., L, S] under a mask that is added."""
    scores = (query / sqrt(max(query.shape[-1], 1))) @ key.transpose(-2, -1)
    return ops.softmax(scores if mask is None else scores + mask, dim=-1)


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention of several heads with its projections; lengths first: [L, N, E] or [L, E].

    Masks are True where a position takes no part, or are added to the scores.
    """
    if static_k is not None or static_v is not None:
        raise ValueError("multi_head_attention_forward: static_k and static_v must be None")
    if query.dim() not in (2, 3):
        raise RuntimeError(
            f"multi_head_attention_forward: query must have 2 or 3 dimensions, got {query.dim()}"
        )
    if query.shape[-1] != embed_dim_to_check:
        raise AssertionError(
            f"was expecting embedding dimension of {embed_dim_to_check}, but got {query.shape[-1]}"
        )
    batched = query.dim() == 3
    if not batched:
        query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    separate = (q_proj_weight, k_proj_weight, v_proj_weight)
    weights = separate if use_separate_proj_weight else in_proj_weight
    q, k, v = _projected(query, key, value, weights, in_proj_bias)
    length, batch, width = q.shape
    mask = _joint_mask(q, num_heads, attn_mask, key_padding_mask, k.shape[0], is_causal)
    extra = []
    if bias_k is not None and bias_v is not None:
        extra.append((bias_k.expand(1, batch, width), bias_v.expand(1, batch, width)))
    if add_zero_attn:
        empty = zeros(1, batch, width, dtype=q.dtype)
        extra.append((empty, empty))
    for one_k, one_v in extra:
        k, v = ops.cat([k, one_k], dim=0), ops.cat([v, one_v], dim=0)
    if extra and mask is not None:
        mask = pad(mask, (0, len(extra)))
    # [L, N, E] -> [N, heads, L, E / heads]
    q, k, v = (
        part.reshape(part.shape[0], batch, num_heads, width // num_heads).permute(1, 2, 0, 3)
        for part in (q, k, v)
    )
    dropout_p = dropout_p if training else 0.0
    chosen = None
    if need_weights:
        chosen = _weights(q, k, mask)
        if dropout_p > 0.0:
            chosen = dropout(chosen, dropout_p)
        result = chosen @ v
    else:
        result = scaled_dot_product_attention(q, k, v, mask, dropout_p)
    result = result.permute(2, 0, 1, 3).reshape(length, batch, width)
    result = linear(result, out_proj_weight, out_proj_bias)
    if chosen is not None and average_attn_weights:
        chosen = chosen.mean(1)
    if not batched:
        result = result.squeeze(1)
        chosen = None if chosen is None else chosen.squeeze(0)
    return result, chosen


def _projected(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    weights: Tensor | tuple[Tensor | None, ...] | None,
    bias: Tensor | None,
) -> tuple[Tensor, ...]:
    """Queries, keys and values; one product where they have one source."""
    biases = (None, None, None) if bias is None else bias.chunk(3)
    if isinstance(weights, Tensor):
        if query is key and key is value:
            return tuple(linear(query, weights, bias).chunk(3, -1))
        weights = tuple(weights.chunk(3))
    if weights is None or None in [w if w is None else 0 for w in weights]:
        raise ValueError("multi_head_attention_forward: a weight of the projections is missing")
    return tuple(
        linear(part, weight, own)
        for part, weight, own in zip((query, key, value), weights, biases, strict=True)
    )


def _additive(mask: Tensor, like: Tensor) -> Tensor:
    """A mask that is added: -inf where a bool one is True."""
    if mask.dtype == boolean:
        return zeros(tuple(mask.shape), dtype=like.dtype).masked_fill(mask, float("-inf"))
    return mask.to(like.dtype)


def _joint_mask(
    q: Tensor,
    heads: int,
    attn_mask: Tensor | None,
    key_padding_mask: Tensor | None,
    keys: int,
    is_causal: bool,
) -> Tensor | None:
    """Both masks as one that is added to scores [N, heads, L, S]."""
    length, batch, _ = q.shape
    masks = [m for m in (attn_mask, key_padding_mask) if m is not None]
    if len(masks) == 2 and masks[0].dtype is not masks[1].dtype:
        warn(
            "Support for mismatched key_padding_mask and attn_mask is deprecated. Use same type "
            "for both instead."
        )
    if is_causal and attn_mask is None:
        raise RuntimeError("multi_head_attention_forward: is_causal is a hint and needs attn_mask")
    mask = None
    if attn_mask is not None:
        wanted = (length, keys) if attn_mask.dim() == 2 else (batch * heads, length, keys)
        if tuple(attn_mask.shape) != wanted:
            raise RuntimeError(
                f"the shape of the {attn_mask.dim()}D attn_mask is {tuple(attn_mask.shape)}, "
                f"but should be {wanted}"
            )
        mask = _additive(attn_mask, q)
        if attn_mask.dim() == 3:
            mask = mask.reshape(batch, heads, length, keys)
    if key_padding_mask is not None:
        if tuple(key_padding_mask.shape) != (batch, keys):
            raise RuntimeError(
                f"the shape of key_padding_mask is {tuple(key_padding_mask.shape)}, "
                f"but should be {(batch, keys)}"
            )
        padding = _additive(key_padding_mask, q).reshape(batch, 1, 1, keys)
        mask = padding if mask is None else mask + padding
    return mask
