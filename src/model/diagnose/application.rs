//! How well-known programs are told their backlog, and what makes them listen again.

use super::Remedy;
use crate::model::observation::{Listener, Owner};

struct Application {
    /// What the process calls itself.
    names: &'static [&'static str],
    /// How its backlog is set: `{at}`, `{port}` and `{n}` are filled in.
    sets: &'static str,
    /// The command that makes it listen again, where that is known to work.
    command: Option<&'static str>,
}

/// From the manuals of the programs. Only nginx is known to listen again without a restart, and only if its
/// configured backlog changed (`ngx_open_listening_sockets` and `ngx_configure_listening_sockets` in
/// src/core/ngx_connection.c).
const APPLICATIONS: &[Application] = &[
    Application {
        names: &["nginx"],
        sets: "`listen {at} backlog={n};` in the configuration of nginx, then reload: it listens again, as its backlog changed",
        command: Some("nginx -s reload"),
    },
    Application {
        names: &["haproxy"],
        sets: "`backlog {n}` in its frontend, then restart it",
        command: None,
    },
    Application {
        names: &["apache2", "httpd"],
        sets: "`ListenBacklog {n}` in its configuration, then restart it",
        command: None,
    },
    Application {
        names: &["redis-server", "valkey-server"],
        sets: "`tcp-backlog {n}` in its configuration, then restart it",
        command: None,
    },
    Application {
        names: &["envoy"],
        sets: "`tcp_backlog_size: {n}` in its listener, then restart it",
        command: None,
    },
    Application {
        names: &["node", "MainThread"],
        sets: "`server.listen({ port: {port}, backlog: {n} })` in its code, then restart it",
        command: None,
    },
    Application {
        names: &["php-fpm", "php-fpm8.2", "php-fpm8.3", "php-fpm8.4"],
        sets: "`listen.backlog = {n}` in its pool, then restart it",
        command: None,
    },
    Application {
        names: &["mysqld", "mariadbd"],
        sets: "`back_log = {n}` in its configuration, then restart it",
        command: None,
    },
    Application {
        names: &["memcached"],
        sets: "`-b {n}` on its command line, then restart it",
        command: None,
    },
    Application {
        names: &["gunicorn"],
        sets: "`--backlog {n}`, then restart it",
        command: None,
    },
    Application {
        names: &["uwsgi"],
        sets: "`--listen {n}`, then restart it",
        command: None,
    },
    Application {
        names: &["systemd"],
        sets: "`Backlog={n}` in the .socket unit, then restart that unit",
        command: None,
    },
];

fn known(owner: Option<&Owner>) -> Option<&'static Application> {
    let process = owner?.process.as_str();
    APPLICATIONS.iter().find(|one| one.names.contains(&process))
}

/// Asks a program for a longer queue.
pub(super) fn longer(owner: Option<&Owner>, listener: &Listener, backlog: u32) -> Remedy {
    let at = listener.address;
    let at = if at.ip().is_unspecified() {
        at.port().to_string()
    } else {
        at.to_string()
    };
    let port = listener.address.port();
    match known(owner) {
        Some(one) => Remedy::Action {
            what: one
                .sets
                .replace("{at}", &at)
                .replace("{port}", &port.to_string())
                .replace("{n}", &backlog.to_string()),
            command: one.command.map(ToOwned::to_owned),
        },
        None => Remedy::action(format!(
            "a backlog of {backlog} in the program's own configuration or listen() call, then restart it"
        )),
    }
}

/// Asks a program to listen again: what it takes, in words. A Go program reads `somaxconn` once, so only a restart
/// helps.
pub fn relisten(owner: Option<&Owner>) -> String {
    match owner {
        Some(Owner { go: true, .. }) => {
            "restart it: a Go program takes somaxconn for its backlog, and reads it once".to_owned()
        }
        Some(Owner { process, .. }) if process == "nginx" => {
            "set its `backlog=` and reload nginx, which listens again only if that changed; or restart it".to_owned()
        }
        _ => "restart it, or have it call listen() again".to_owned(),
    }
}
