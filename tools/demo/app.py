"""A Flask application like many: each request waits 100 ms for something else, a database say."""
import time

from flask import Flask

app = Flask(__name__)


@app.route("/")
def index():
    time.sleep(0.1)
    return "hello\n"
