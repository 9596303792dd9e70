"""libpq as an oracle: a question a line, a JSON array of words; an answer a line, an object of keywords and values, or null
where libpq refuses. It never connects: each connection names a channel_binding that there is not, which libpq looks at
after files and before hosts."""
import ctypes, json, os, sys, tempfile

class Option(ctypes.Structure):
    _fields_ = [(name, ctypes.c_char_p) for name in ("keyword", "envvar", "compiled", "val", "label", "dispchar")]
    _fields_ += [("dispsize", ctypes.c_int)]

pq = ctypes.CDLL(sys.argv[1])
for name, result, arguments in (
    ("PQconninfoParse", ctypes.POINTER(Option), [ctypes.c_char_p, ctypes.c_void_p]),
    ("PQconninfo", ctypes.POINTER(Option), [ctypes.c_void_p]),
    ("PQconninfoFree", None, [ctypes.POINTER(Option)]),
    ("PQconnectStart", ctypes.c_void_p, [ctypes.c_char_p]),
    ("PQpass", ctypes.c_char_p, [ctypes.c_void_p]),
    ("PQerrorMessage", ctypes.c_char_p, [ctypes.c_void_p]),
    ("PQfinish", None, [ctypes.c_void_p]),
):
    getattr(pq, name).restype = result
    getattr(pq, name).argtypes = arguments

directory = tempfile.mkdtemp()
path = os.path.join(directory, "file")

def write(text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(text.encode())

def told(options):
    if not options:
        return None
    found, at = {}, 0
    while options[at].keyword:
        if options[at].val is not None:
            found[options[at].keyword.decode()] = options[at].val.decode("utf-8", "replace")
        at += 1
    pq.PQconninfoFree(options)
    return found

def quoted(value):
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

def parse(text):
    return told(pq.PQconninfoParse(text.encode(), None))

def password(text, host):
    write(text)
    start = f"host={quoted(host)} port=5432 dbname=d user=u passfile={quoted(path)} channel_binding=none"
    connection = pq.PQconnectStart(start.encode())
    found = pq.PQpass(connection)
    pq.PQfinish(connection)
    return {"password": found.decode("utf-8", "replace")}

def service(text):
    write(text)
    os.environ["PGSERVICEFILE"] = path
    connection = pq.PQconnectStart(b"service=a channel_binding=none")
    error = pq.PQerrorMessage(connection)
    refused = b"service file" in error or b"definition of service" in error
    found = None if refused else told(pq.PQconninfo(connection))
    pq.PQfinish(connection)
    return found

os.environ.update(HOME=directory, PGSYSCONFDIR=directory)
try:
    for line in sys.stdin:
        question, *words = json.loads(line)
        answer = {"parse": parse, "password": password, "service": service}[question](*words)
        print(json.dumps(answer), flush=True)
finally:
    if os.path.exists(path):
        os.remove(path)
    os.rmdir(directory)
