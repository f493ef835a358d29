#!/usr/bin/env bash
# Sets up what the tests need and runs all of them. It needs Go and git; Node.js,
# for the clients of other people that are tried against the server, PostgreSQL and
# MariaDB it installs from Debian's packages when it may.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v npm >/dev/null; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "test.sh: Node.js with npm (18 or newer) is needed for the official npm clients; install it and run this again" >&2
		exit 1
	fi
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends nodejs npm >/dev/null
fi

# Tests start PostgreSQL themselves; the package's own cluster is not made, so that
# no service runs. A machine that has settings for that already keeps them.
if ! command -v initdb >/dev/null && ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "test.sh: PostgreSQL (15 or newer, with initdb) is needed; install it and run this again" >&2
		exit 1
	fi
	if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
		mkdir -p /etc/postgresql-common
		echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
	fi
	apt-get update -qq
	UCF_FORCE_CONFFOLD=1 DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends postgresql >/dev/null
fi

# Tests start MariaDB themselves too; the package's own service is not started, as
# policy-rc.d forbids it meanwhile.
if ! command -v mariadbd >/dev/null && [ ! -x /usr/sbin/mariadbd ]; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "test.sh: MariaDB (10.11 or newer, with mariadbd and mariadb-install-db) is needed; install it and run this again" >&2
		exit 1
	fi
	if [ ! -e /usr/sbin/policy-rc.d ]; then
		policy=/usr/sbin/policy-rc.d
		trap 'rm -f "$policy"' EXIT
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod +x "$policy"
	fi
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends mariadb-server >/dev/null
	if [ -n "${policy:-}" ]; then
		rm -f "$policy"
	fi
fi

# Tests start RabbitMQ themselves as well. Without it its connector goes untested.
if [ ! -x /usr/lib/rabbitmq/bin/rabbitmq-server ]; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		echo "test.sh: RabbitMQ (Debian's package rabbitmq-server) is not there; its connector goes untested" >&2
	else
		policy=
		if [ ! -e /usr/sbin/policy-rc.d ]; then
			policy=/usr/sbin/policy-rc.d
			trap 'rm -f "$policy"' EXIT
			printf '#!/bin/sh\nexit 101\n' >"$policy"
			chmod +x "$policy"
		fi
		apt-get update -qq
		DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends rabbitmq-server >/dev/null
		if [ -n "$policy" ]; then
			rm -f "$policy"
		fi
	fi
fi

unformatted=$(gofmt -l $(git ls-files '*.go'))
if [ -n "$unformatted" ]; then
	echo "test.sh: run gofmt -w on:" "$unformatted" >&2
	exit 1
fi

npm ci --prefix compat --no-audit --no-fund --loglevel=error
go vet ./...
go test ./...
go test ./torture -proofs -kills 20
(cd compat && go vet ./... && go test ./...)
