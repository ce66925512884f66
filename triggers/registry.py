"""The registry: versions published, listed, downloaded, and pulled into this region."""

from __future__ import annotations

import azure.functions as func

from flows.errors import NotFound
from flows.releasing.bring_version import Published
from triggers import schemas
from triggers.archives import MIMETYPE, check_digest, digest_header, read_archive, write_archive
from triggers.blueprints import build_blueprint
from triggers.edge import Edge, Exchange, Reply
from triggers.endpoints import (
    DOWNLOAD,
    LIST_VERSIONS,
    POLICIES,
    PUBLISH,
    PUBLISH_POLICY,
    PULL,
    PULL_POLICY,
    READ_POLICY,
)
from triggers.typed_bodies import read_typed


def registry_blueprint(edge: Edge) -> func.Blueprint:
    versions = edge.service.versions

    async def publish(exchange: Exchange) -> Reply:
        check_digest(exchange.header("content-digest"), exchange.raw_body)
        files, (name, version) = read_archive(exchange.raw_body), _named(exchange)
        published = await versions.publish_model(exchange.call, name, version, files)
        return _reply(published)

    async def publish_policy(exchange: Exchange) -> Reply:
        name, version = _named(exchange)
        published = await versions.publish_policy(exchange.call, name, version, exchange.raw_body)
        return _reply(published)

    async def list_versions(exchange: Exchange) -> Reply:
        name = exchange.param("name")
        found = await versions.list_versions(name)
        if not found:
            raise NotFound("version of such a model, here or in the registry")
        return Reply({"name": name, "versions": found})

    async def download(exchange: Exchange) -> Reply:
        body = write_archive(await versions.download_model(*_named(exchange)))
        return Reply(body, headers={"Content-Digest": digest_header(body)}, mimetype=MIMETYPE)

    async def pull(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.Pull)
        model = await versions.pull_model(*_named(exchange), given.digest)
        told = {"name": model.name, "version": model.version, "digest": model.digest, "golden": len(model.golden)}
        return Reply(told)

    async def pull_policy(exchange: Exchange) -> Reply:
        given = read_typed(exchange.body, schemas.Pull)
        policy = await versions.pull_policy(*_named(exchange), given.digest)
        return Reply({"name": policy.name, "version": policy.version})

    async def list_policies(exchange: Exchange) -> Reply:
        return Reply({"policies": edge.service.policies.names()})

    async def read_policy(exchange: Exchange) -> Reply:
        return Reply(await versions.download_policy(*_named(exchange)))

    answers = {
        PUBLISH: publish,
        PUBLISH_POLICY: publish_policy,
        LIST_VERSIONS: list_versions,
        DOWNLOAD: download,
        PULL: pull,
        PULL_POLICY: pull_policy,
        POLICIES: list_policies,
        READ_POLICY: read_policy,
    }
    return build_blueprint(edge, answers)


def _named(exchange: Exchange) -> tuple[str, str]:
    return exchange.param("name"), exchange.param("version")


def _reply(published: Published) -> Reply:
    return Reply(published, 201 if published.is_new else 200)
