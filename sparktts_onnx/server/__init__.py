"""An OpenAI-compatible speech server with a web page, over the library's public names (extra `server`)."""

from sparktts_onnx.errors import MissingDependencyError

try:
    from sparktts_onnx.server.app import create_app
    from sparktts_onnx.server.running import run_server
except ModuleNotFoundError as error:
    if (error.name or "").startswith("sparktts_onnx"):
        raise
    raise MissingDependencyError("the server", needs=str(error.name), extra="server") from error
from sparktts_onnx.server.engine import SpeechEngine
from sparktts_onnx.server.settings import ServerSettings

__all__ = ["SpeechEngine", "ServerSettings", "create_app", "run_server"]
