"""TLS: whose certificates are trusted, and why one is not. FFmpeg checks none unless it is told to."""

from __future__ import annotations

import os
import socket
import ssl

from rtvideo.errors import UnavailableError

#: Schemes that connect by TLS, with their usual ports.
PORTS = {"https": 443, "rtsps": 322, "rtmps": 443, "tls": 443}

#: Where systems keep the certificates of authorities: Debian, Fedora, openSUSE, Alpine and macOS.
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)

#: Schemes whose servers may lead to one that connects by TLS.
_MAY_LEAD_THERE = ("http", "rtsp")


def options(scheme: str, *, insecure: bool) -> dict[str, str]:
    """Return FFmpeg's options for an address.

    Args:
        scheme: of the address.
        insecure: trust every certificate.

    Raises:
        UnavailableError: no list of authorities is installed that could be trusted.
    """
    if scheme not in PORTS and scheme not in _MAY_LEAD_THERE:
        return {}
    if insecure:
        return {"tls_verify": "0"}
    trusted = authorities()
    if trusted is None and scheme in PORTS:
        raise UnavailableError(
            f"{scheme}://: no certificate authorities are known here; run: apt-get install ca-certificates, "
            "or name a file of certificates with SSL_CERT_FILE"
        )
    return {"tls_verify": "1", **({"ca_file": trusted} if trusted else {})}


def distrust(host: str, port: int, timeout: float) -> str | None:
    """Return why the certificate of a server is not trusted, None if it is, or cannot be seen."""
    try:
        context = ssl.create_default_context(cafile=authorities())
        with (
            socket.create_connection((host, port), timeout) as connection,
            context.wrap_socket(connection, server_hostname=host),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except OSError:
        return None


def authorities() -> str | None:
    """Return the file with the certificates of all authorities that this system trusts."""
    # Python finds what SSL_CERT_FILE names, but in some systems only a folder, which FFmpeg does not take.
    named = ssl.get_default_verify_paths().cafile
    return next((path for path in (named, *_BUNDLES) if path is not None and os.path.isfile(path)), None)
