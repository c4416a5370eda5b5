"""Videos made by PyAV, and cameras on the loopback that show them."""

import contextlib
import io
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import av
import numpy as np
from PIL import Image

SIZE = 64
LEVEL_STEP = 10


def image(number):
    """Grey by its number, so that it can be told which one it is."""
    return np.full((SIZE, SIZE, 3), number_level(number), np.uint8)


def number_level(number):
    return 20 + LEVEL_STEP * (number % 20)


def number_of(pixels):
    return round((float(pixels.mean()) - 20) / LEVEL_STEP)


def make_video(target, images, *, codec="mpeg4", pixel_format="yuv420p", options=None, **kwargs):
    """Write RGB images, 10 a second."""
    with av.open(target, "w", **kwargs) as container:
        stream = container.add_stream(codec, rate=10)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixel_format
        stream.options = options or {}
        for pixels in images:
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def jpeg(number):
    file = io.BytesIO()
    Image.fromarray(image(number)).save(file, "JPEG", quality=95)
    return file.getvalue()


class HttpCamera:
    """Motion JPEG over HTTP, an image every so many seconds; `cut` and `start` it again.

    Paths: `/live`; `/moved`, which leads to it; `/list.m3u8`, a playlist that does.
    """

    def __init__(self, every=0.02):
        self.every = every
        self.port = 0
        self.asked = []
        self.number = 0
        self.start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}/live"

    def start(self):
        camera = self
        self.running = threading.Event()
        self.running.set()

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                camera.asked.append((self.path, self.headers.get("Authorization")))
                with contextlib.suppress(OSError):
                    camera.answer(self)

        ThreadingHTTPServer.daemon_threads = True
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, handler):
        if handler.path == "/moved":
            handler.send_response(302)
            handler.send_header("Location", "/live")
            handler.end_headers()
            return
        if handler.path == "/list.m3u8":
            handler.send_response(200)
            handler.send_header("Content-Type", "application/vnd.apple.mpegurl")
            handler.end_headers()
            handler.wfile.write(b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\n/live\n")
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace;boundary=edge")
        handler.end_headers()
        running = self.running
        while running.is_set():
            content = jpeg(self.number)
            head = f"--edge\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}\r\n\r\n"
            handler.wfile.write(head.encode() + content + b"\r\n")
            handler.wfile.flush()
            self.number += 1
            time.sleep(self.every)

    def cut(self):
        self.running.clear()
        self.server.shutdown()
        self.server.server_close()


class RtspCamera:
    """H.264 over RTSP, RTP within the connection, for one that looks at a time."""

    def __init__(self, every=0.02):
        self.every = every
        self.port = 0
        self.asked = []
        self.start()

    @property
    def address(self):
        return f"rtsp://127.0.0.1:{self.port}/top"

    def start(self):
        self.listening = socket.create_server(("127.0.0.1", self.port))
        self.port = self.listening.getsockname()[1]
        self.connected = None
        threading.Thread(target=self._serve, args=(self.listening,), daemon=True).start()

    def cut(self):
        for one in (self.listening, self.connected):
            if one is not None:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()

    def _serve(self, listening):
        while True:
            try:
                self.connected, _ = listening.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):
                self._talk(self.connected)

    def _talk(self, connection):
        lines = connection.makefile("rb")
        while request := lines.readline():
            method = request.split()[0].decode()
            headers = {}
            while line := lines.readline().strip():
                name, _, value = line.decode().partition(":")
                headers[name.lower()] = value.strip()
            self.asked.append((method, headers.get("authorization")))
            more, body = self._answer(method)
            head = f"RTSP/1.0 200 OK\r\nCSeq: {headers['cseq']}\r\n{more}"
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
            if method == "PLAY":
                self._play(connection)
                return

    def _answer(self, method):
        if method == "OPTIONS":
            return "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n", ""
        if method == "DESCRIBE":
            body = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=top\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
            body += "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:track\r\n"
            return f"Content-Type: application/sdp\r\nContent-Base: {self.address}/\r\n", body
        if method == "SETUP":
            return "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n", ""
        return "Session: 1\r\n", ""

    def _play(self, connection):
        """RTP packets as PyAV sends them by UDP, each in the frame of the connection."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind(("127.0.0.1", 0))
            udp.settimeout(0.2)
            port = udp.getsockname()[1]
            done = threading.Event()
            threading.Thread(target=self._encode, args=(port, done), daemon=True).start()
            try:
                while True:
                    with contextlib.suppress(TimeoutError):
                        packet = udp.recv(65536)
                        connection.sendall(b"$\x00" + struct.pack(">H", len(packet)) + packet)
            finally:
                done.set()

    def _encode(self, port, done):
        with av.open(f"rtp://127.0.0.1:{port}", "w", format="rtp") as container:
            stream = container.add_stream("libx264", rate=50)
            stream.width = stream.height = SIZE
            stream.pix_fmt = "yuv420p"
            stream.options = {"tune": "zerolatency", "g": "5", "crf": "5"}
            number = 0
            while not done.is_set():
                frame = av.VideoFrame.from_ndarray(image(number), "rgb24")
                for packet in stream.encode(frame):
                    container.mux(packet)
                number += 1
                time.sleep(self.every)
