"""Rewrites paths and names of lychgate-domain. Idempotent. Run in a worktree's root."""
import re, subprocess, sys

# old module -> new module path
MODULES = {
    "access_token": "token", "authorization": "flow", "client_assertion": "authentication",
    "client_authentication": "authentication", "client_secret": "client::secret", "code": "flow::code",
    "cookie": "browser::cookie", "form": "consent::form", "grant": "token", "id_token": "upstream::id_token",
    "jwk": "client::jwk", "keyring": "keys::rotation", "login": "upstream::login",
    "metadata_document": "registration::document", "metadata_url": "client::metadata_url",
    "parameters": "request::parameters", "pkce": "request::pkce", "prompt": "consent::prompt",
    "redirect_uri": "client::redirect_uri", "refresh_token": "token::refresh_token", "response": "flow::response",
    "retention": "event", "session": "browser::session", "ticket": "request::ticket",
    "upstream_revocation": "revocation", "upstream_tokens": "upstream::tokens", "userinfo": "upstream::userinfo",
    "verification": "token::verification",
}
# (old module, old name) -> (new module path, new name)
ITEMS = {
    ("authorization", "Decision"): ("consent", "Decision"),
    ("authorization", "Decided"): ("consent", "Decided"),
    ("authorization", "PresentedScreen"): ("consent", "PresentedScreen"),
    ("authorization", "Sealed"): ("upstream::tokens", "SealedTokens"),
    ("grant", "Issuance"): ("flow", "Issuance"),
    ("grant", "Counters"): ("consent", "Counters"),
    ("grant", "GrantStatus"): ("consent", "GrantStatus"),
    ("grant", "GrantStatusKey"): ("consent", "GrantStatusKey"),
    ("grant", "Status"): ("token", "GrantPhase"),
    ("client", "Status"): ("client", "ClientStatus"),
    ("client", "Origin"): ("client", "ClientOrigin"),
    ("client", "About"): ("client", "ClientDescription"),
    ("client", "Otherwise"): ("client", "UnsignedRequests"),
    ("client_assertion", "TYPE"): ("authentication", "CLIENT_ASSERTION_TYPE"),
    ("consent", "Status"): ("consent", "ConsentStatus"),
    ("consent", "State"): ("consent", "ConsentState"),
    ("consent", "Denial"): ("consent", "DenialReason"),
    ("consent", "How"): ("consent", "ConsentScreen"),
    ("event", "How"): ("event", "ApprovedOn"),
    ("event", "About"): ("event", "EventTarget"),
    ("event", "Caller"): ("event", "EventCaller"),
    ("event", "Reason"): ("event", "OperatorReason"),
    ("event", "AddressPolicy"): ("issuer", "AddressPolicy"),
    ("form", "Page"): ("consent::form", "NamedScreen"),
    ("id_token", "Expected"): ("upstream::id_token", "ExpectedIdToken"),
    ("id_token", "NotBelieved"): ("upstream::id_token", "IdTokenError"),
    ("userinfo", "NotAnId"): ("upstream::userinfo", "UserinfoError"),
    ("userinfo", "Member"): ("upstream::userinfo", "ClaimValue"),
    ("issuer", "Lifetimes"): ("lifetimes", "Lifetimes"),
    ("keyring", "Family"): ("keys::rotation", "KeyFamily"),
    ("keyring", "Step"): ("keys::rotation", "RotationStep"),
    ("keyring", "Life"): ("keys::rotation", "KeyLife"),
    ("keyring", "Urgency"): ("keys::rotation", "RotationUrgency"),
    ("keyring", "asked"): ("keys::rotation", "requested_step"),
    ("login", "Returned"): ("upstream::login", "ReturnedLogin"),
    ("metadata_document", "MetadataDocument"): ("client::metadata", "MetadataDocument"),
    ("prompt", "PromptPolicy"): ("issuer", "PromptPolicy"),
    ("prompt", "Mode"): ("issuer", "PromptMode"),
    ("prompt", "ConsentScreen"): ("consent", "ConsentScreen"),
    ("redirect_uri", "Unacceptable"): ("client::redirect_uri", "RedirectUriError"),
    ("registration", "Registration"): ("client::metadata", "ClientMetadata"),
    ("request", "WantedPage"): ("request", "WantedScreen"),
    ("upstream_revocation", "UpstreamRevocationMode"): ("issuer", "UpstreamRevocationMode"),
    ("upstream_revocation", "Place"): ("revocation", "ScanPosition"),
    ("upstream_revocation", "Page"): ("revocation", "ScannedPage"),
    ("upstream_revocation", "Next"): ("revocation", "RevocationProgress"),
    ("account", "Revocation"): ("account", "AccountRevocation"),
    ("verification", "Denial"): ("token::verification", "AccessDenied"),
    ("verification", "Demand"): ("token::verification", "AccessRequirement"),
}

def split_top(s):
    out, depth, cur = [], 0, ""
    for c in s:
        if c == "{": depth += 1
        if c == "}": depth -= 1
        if c == "," and depth == 0:
            out.append(cur); cur = ""
        else:
            cur += c
    out.append(cur)
    return [x.strip() for x in out if x.strip()]

def flatten(tree, prefix=()):
    tree = tree.strip()
    m = re.match(r"^((?:[\w#]+::)*)\{(.*)\}$", tree, re.S)
    if m:
        base = prefix + tuple(x for x in m[1].split("::") if x)
        for part in split_top(m[2]):
            yield from flatten(part, base)
        return
    alias = None
    m = re.match(r"^(.*?)\s+as\s+(\w+)$", tree, re.S)
    if m: tree, alias = m[1], m[2]
    yield prefix + tuple(x.strip() for x in tree.split("::")), alias

def map_path(path):
    """new path, as a tuple; the last part may be renamed"""
    if path[-1] == "self": return map_path(path[:-1])
    if len(path) >= 2 and (path[0], path[1]) in ITEMS:
        mod, name = ITEMS[(path[0], path[1])]
        return tuple(mod.split("::")) + (name,) + path[2:]
    if path[0] in MODULES:
        return tuple(MODULES[path[0]].split("::")) + path[1:]
    return path

USE = re.compile(r"^([ \t]*)((?:pub(?:\([a-z]+\))? )?)use (ROOT)::([^;]*);", re.M)

def emit(indent, vis, root, leaves):
    groups = {}
    for path, alias in leaves:
        name = path[-1] + (f" as {alias}" if alias else "")
        groups.setdefault(path[:-1], set()).add(name)
    lines = []
    for base, names in sorted(groups.items()):
        pre = "::".join((root,) + base)
        names = sorted(names)
        if len(names) == 1: lines.append(f"{indent}{vis}use {pre}::{names[0]};")
        else: lines.append(f"{indent}{vis}use {pre}::{{{', '.join(names)}}};")
    return "\n".join(lines)

def code_sub(pattern, repl, text):
    """like re.sub on lines that are not comments"""
    return "\n".join(l if l.lstrip().startswith("//") else re.sub(pattern, repl, l) for l in text.split("\n"))

def rewrite(text, root):
    renames, modules, changed = {}, {}, False
    def one(m):
        nonlocal changed
        old = list(flatten(m[4]))
        new, touched = [], False
        for path, alias in old:
            was = path[:-1] if path[-1] == "self" else path
            to = map_path(path)
            if to != was: touched = True
            if len(was) == 1 and was[0][:1].islower():
                modules[alias or was[0]] = (was[0], m[1], m[2])
                if was[0] in ("grant", "authorization", "client_authentication", "access_token", "upstream_revocation") and alias is None:
                    renames_mod[was[0]] = to[-1]
            if len(was) > 1 and to[-1] != was[-1]:
                if alias and alias not in ("_",):
                    if alias != to[-1]: renames[alias] = to[-1]
                    alias = None
                else: renames[was[-1]] = to[-1]
            new.append((to, alias))
        if not touched: return m[0]
        changed = True
        return emit(m[1], m[2], m[3], new)
    renames_mod = {}
    use = re.compile(USE.pattern.replace("ROOT", root), re.M)
    text = use.sub(one, text)
    # items named through an imported module
    extra = set()
    for alias, (module, _, _) in modules.items():
        def inline(m):
            to = map_path((module, m[1]))
            home = map_path((module,))
            if to[:-1] == home:
                name = home[-1] if alias == module else alias
                return f"{name}::{to[-1]}"
            extra.add(to)
            return to[-1]
        text = code_sub(rf"(?<![\w:])(?:{alias})::(\w+)", inline, text)
    for old, new in renames.items():
        text = code_sub(rf"(?<![\w:.]){old}\b", new, text)
    def full(m):
        path = tuple(m[1].split("::"))
        return root + "::" + "::".join(map_path(path))
    text = code_sub(rf"\b{root}::((?:\w+::)*\w+)", full, text) if True else text
    if extra:
        m = re.search(rf"^use {root}::[^;]*;\n", text, re.M)
        at = m.end() if m else 0
        text = text[:at] + emit("", "", root, [(p, None) for p in sorted(extra)]) + "\n" + text[at:]
    # two uses of one base that the rewrite put side by side are merged
    return text

def merge_uses(text, root):
    """one `use` for each base in a run of neighbouring uses"""
    out, run = [], []
    lines = text.split("\n")
    pat = re.compile(rf"^([ \t]*)((?:pub(?:\([a-z]+\))? )?)use {root}::([^;{{]*(?:\{{[^{{}}]*\}})?);$")
    def flush():
        if not run: return
        key = {}
        for indent, vis, tree, raw in run:
            key.setdefault((indent, vis), []).extend(flatten(tree))
        if len(run) > 1:
            for (indent, vis), leaves in key.items():
                out.append(emit(indent, vis, root, [((p[:-1] if p[-1] == "self" else p), a) for p, a in leaves]))
        else:
            out.append(run[0][3])
        run.clear()
    for l in lines:
        m = pat.match(l)
        if m: run.append((m[1], m[2], m[3], l))
        else:
            flush(); out.append(l)
    flush()
    return "\n".join(out)

def main():
    files = subprocess.check_output("git ls-files -co --exclude-standard -- '*.rs'", shell=True, text=True).split()
    for f in files:
        try: before = open(f).read()
        except FileNotFoundError: continue
        root = "crate" if f.startswith("crates/domain/src/") else "lychgate_domain"
        if root not in before: continue
        after = rewrite(before, root)
        if after != before:
            after = merge_uses(after, root)
            open(f, "w").write(after)
            print(f)
main()
