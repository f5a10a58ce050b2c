"""llama_server.py MODEL.gguf PORT: llama.cpp's HTTP server, out of the Python package xllamacpp, on loopback, until SIGTERM."""

import signal
import sys
import threading

import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.hostnames = ["127.0.0.1"]
params.port = int(sys.argv[2])
params.n_ctx = 131072
params.n_parallel = 4
params.n_predict = 4096
params.cpuparams.n_threads = 1
params.warmup = False
params.use_jinja = True
params.sampling.seed = 7  # the same request gets the same answer

stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
signal.signal(signal.SIGINT, lambda *_: stop.set())
server = xllamacpp.Server(params)
print("listening", server.listening_address, flush=True)
stop.wait()
