"""tiny_model.py OUT.gguf: writes a language model with random weights, small enough to make on the spot (about 300 KB).

It talks nonsense, but a server that loads it is a real one: templates, sampling, grammars for structured answers, streams,
token counts, full context windows. Standard library only. The same seed gives the same file.
"""

import random
import struct
import sys

LAYERS, WIDTH, HEADS, HIDDEN, CONTEXT = 2, 64, 4, 96, 131072
CHAT_TEMPLATE = (
    "{%- for m in messages %}{{ '<|' + m.role + '|>\\n' + m.content + '\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|assistant|>\\n' }}{%- endif %}"
)
BYTES = 3  # the token of byte 0
# Tokens that close a string, a list, or the answer are likely, so that answers end soon; words are likelier than single bytes.
BIAS = {0: -20.0, 1: -20.0, 2: 4.0, BYTES + ord('"'): 5.0, BYTES + ord("]"): 5.0, BYTES + ord("}"): 5.0}
WORD_BIAS, PRINTABLE_BIAS, OTHER_BIAS = 5.0, 1.0, -20.0
WORDS = "the a node run plan answer is to of and in it first second better worse because therefore".split()

tokens = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)] + ["\u2581" + word for word in WORDS]
kinds = [2, 3, 3] + [6] * 256 + [1] * len(WORDS)  # unknown, control, control, byte, normal
dice = random.Random(7)

U32, F32, BOOL, STRING, ARRAY, I32, U64 = 4, 6, 7, 8, 9, 5, 10


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def array(kind, values, pack):
    return struct.pack("<IQ", kind, len(values)) + b"".join(pack(value) for value in values)


fields = [
    ("general.architecture", STRING, text("llama")),
    ("general.name", STRING, text("tiny-random")),
    ("general.file_type", U32, struct.pack("<I", 0)),
    ("llama.context_length", U32, struct.pack("<I", CONTEXT)),
    ("llama.embedding_length", U32, struct.pack("<I", WIDTH)),
    ("llama.block_count", U32, struct.pack("<I", LAYERS)),
    ("llama.feed_forward_length", U32, struct.pack("<I", HIDDEN)),
    ("llama.attention.head_count", U32, struct.pack("<I", HEADS)),
    ("llama.attention.head_count_kv", U32, struct.pack("<I", HEADS)),
    ("llama.attention.layer_norm_rms_epsilon", F32, struct.pack("<f", 1e-5)),
    ("llama.rope.dimension_count", U32, struct.pack("<I", WIDTH // HEADS)),
    ("llama.vocab_size", U32, struct.pack("<I", len(tokens))),
    ("tokenizer.ggml.model", STRING, text("llama")),
    ("tokenizer.ggml.tokens", ARRAY, array(STRING, tokens, text)),
    ("tokenizer.ggml.scores", ARRAY, array(F32, [0.0] * len(tokens), lambda score: struct.pack("<f", score))),
    ("tokenizer.ggml.token_type", ARRAY, array(I32, kinds, lambda kind: struct.pack("<i", kind))),
    ("tokenizer.ggml.bos_token_id", U32, struct.pack("<I", 1)),
    ("tokenizer.ggml.eos_token_id", U32, struct.pack("<I", 2)),
    ("tokenizer.ggml.unknown_token_id", U32, struct.pack("<I", 0)),
    ("tokenizer.ggml.add_space_prefix", BOOL, struct.pack("<?", False)),
    ("tokenizer.chat_template", STRING, text(CHAT_TEMPLATE)),
]


def noise(rows, columns):
    return [[dice.gauss(0, 0.08) for _ in range(columns)] for _ in range(rows)]


def keeping_first(matrix):
    """The first row is zero: what is added to the residual stream leaves its first number alone."""
    return [[0.0] * len(matrix[0])] + matrix[1:]


# The first number of every embedding is the same and no layer changes it, so the first column of `output` is a bias of each token.
embedding = noise(len(tokens), WIDTH)
output = noise(len(tokens), WIDTH)
for token in range(len(tokens)):
    embedding[token][0] = 1.0
    printable = BYTES + 32 <= token < BYTES + 127
    usual = WORD_BIAS if token >= BYTES + 256 else PRINTABLE_BIAS if printable else OTHER_BIAS
    output[token][0] = BIAS.get(token, usual) / 4

tensors = [("token_embd.weight", embedding), ("output_norm.weight", [[1.0] * WIDTH]), ("output.weight", output)]
for layer in range(LAYERS):
    block = f"blk.{layer}."
    for name in ("attn_q", "attn_k", "attn_v"):
        tensors.append((f"{block}{name}.weight", noise(WIDTH, WIDTH)))
    tensors.append((f"{block}attn_output.weight", keeping_first(noise(WIDTH, WIDTH))))
    tensors.append((f"{block}ffn_gate.weight", noise(HIDDEN, WIDTH)))
    tensors.append((f"{block}ffn_up.weight", noise(HIDDEN, WIDTH)))
    tensors.append((f"{block}ffn_down.weight", keeping_first(noise(WIDTH, HIDDEN))))
    tensors.append((f"{block}attn_norm.weight", [[1.0] * WIDTH]))
    tensors.append((f"{block}ffn_norm.weight", [[1.0] * WIDTH]))

out = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(fields)))
for key, kind, data in fields:
    out += text(key) + struct.pack("<I", kind) + data

bodies, offset = [], 0
for name, rows in tensors:
    shape = [len(rows[0])] + ([len(rows)] if len(rows) > 1 else [])
    body = b"".join(struct.pack(f"<{len(row)}f", *row) for row in rows)
    out += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
    out += struct.pack("<IQ", 0, offset)  # 0: 32-bit floats
    body += bytes(-len(body) % 32)
    bodies.append(body)
    offset += len(body)
out += bytes(-len(out) % 32)

with open(sys.argv[1], "wb") as file:
    file.write(out + b"".join(bodies))
