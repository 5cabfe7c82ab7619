"""The file of the table, little-endian: 'MSE1', rows u32, width u32, scale f32 of each row, int8 rows, vocabulary in UTF-8, one token a line."""
import struct

import numpy as np


def write(path, rows, vocabulary):
    scale = np.abs(rows).max(1) / 127
    scale[scale == 0] = 1
    quantised = np.round(rows / scale[:, None]).astype(np.int8)
    with open(path, 'wb') as file:
        file.write(b'MSE1' + struct.pack('<II', *rows.shape))
        file.write(scale.astype('<f4').tobytes() + quantised.tobytes() + '\n'.join(vocabulary).encode())


def read(path):
    """Rows as float32 [vocabulary, width]."""
    data = open(path, 'rb').read()
    count, width = struct.unpack('<II', data[4:12])
    scale = np.frombuffer(data, '<f4', count, 12)
    return np.frombuffer(data, np.int8, count * width, 12 + 4 * count).reshape(count, width) * scale[:, None]


def pool(rows, ids):
    """Unit vectors: the sum over distinct ids of row times root of count, as src/text/embedding.ts computes it."""
    out = np.zeros((len(ids), rows.shape[1]), np.float32)
    for at, one in enumerate(ids):
        if one:
            distinct, count = np.unique(one, return_counts=True)
            out[at] = np.sqrt(count).astype(np.float32) @ rows[distinct]
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-9)
