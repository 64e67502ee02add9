//! `show` for Kubernetes: the `securityContext` of a pod, with what its reader must know in comments.

use crate::model::catalogue::Entry;
use crate::model::key::Key;
use crate::model::kubernetes::{Permission, permission};
use crate::model::memory::{Settings, desired_hash};
use crate::model::setting::Setting;
use crate::model::value::Value;

use super::text::{short, titles};
use super::{Body, Report, printable};

/// The fragment; nothing where there is no wish to print.
pub fn render(report: &Report) -> String {
    match &report.body {
        Body::Desired(show) => fragment(&titles(&show.profiles).join(" + "), &show.settings),
        Body::Active(active) => fragment(&active.name, &active.settings),
        _ => String::new(),
    }
}

fn fragment(title: &str, settings: &Settings) -> String {
    let wishes: Vec<Wish<'_>> = settings.iter().filter_map(Wish::new).collect();
    let mut lines = vec![comment(&format!(
        "{title}, desired {}: for the `spec` of a Pod, or of a template of Pods",
        short(&desired_hash(settings))
    ))];
    lines.extend(head(&wishes));
    lines.push("securityContext:".to_owned());
    if wishes.iter().any(Wish::is_of_pods) {
        lines.push("  sysctls:".to_owned());
    } else {
        lines.push("  sysctls: []".to_owned());
    }
    lines.extend(wishes.iter().flat_map(Wish::item));
    lines.join("\n") + "\n"
}

/// One setting, and who may have it.
struct Wish<'s> {
    key: &'s Key,
    setting: &'s Setting,
    value: Value,
    permission: Permission,
}

impl<'s> Wish<'s> {
    fn new((key, setting): (&'s Key, &'s Setting)) -> Option<Self> {
        // A pod begins with the defaults of the kernel, which a lower bound must not lower.
        let default = Entry::of(key).and_then(Entry::default_number);
        Some(Self {
            key,
            setting,
            value: setting.nearest(default.map(Value::from).as_ref())?,
            permission: permission(key),
        })
    }

    /// Whether a pod can have it.
    fn is_of_pods(&self) -> bool {
        !matches!(self.permission, Permission::Node | Permission::Unnamed)
    }

    /// Whether it stands in the fragment as more than a comment.
    fn is_set(&self) -> bool {
        self.is_of_pods() && !self.setting.optional
    }

    /// Whether a kubelet refuses it by itself.
    fn is_unsafe(&self) -> bool {
        matches!(self.permission, Permission::Unsafe | Permission::Unknown)
    }

    fn item(&self) -> Vec<String> {
        if !self.is_of_pods() {
            return Vec::new();
        }
        let safety = match self.permission {
            Permission::Safe(safe) => safe.words(),
            Permission::Unknown => UNKNOWN.to_owned(),
            _ => "unsafe".to_owned(),
        };
        let word = self.setting.word(self.key);
        let bound = self.setting.bound();
        let bound = bound.map(|bound| format!("{bound}, as a pod takes no bounds"));
        let optional = self.setting.optional.then(|| OPTIONAL.to_owned());
        let notes = [Some(safety), word, bound, optional];
        let why = self.setting.why().map(|why| format!("why: {why}"));
        let off = if self.setting.optional { "# " } else { "" };
        let comments = [notes.into_iter().flatten().collect::<Vec<_>>().join("; ")];
        let comments = comments.into_iter().chain(why).map(|text| comment(&text));
        let fields = [
            format!("{off}- name: {}", self.key),
            format!("{off}  value: {}", quoted(self.value.as_str())),
        ];
        let lines = comments.chain(fields);
        lines.map(|line| format!("    {line}")).collect()
    }
}

/// What is said of a key of which only Kubernetes' rule is known.
const UNKNOWN: &str =
    "unsafe, and unknown to tcptune: the pod fails to start where all namespaces share it";

/// Why a setting that a kernel may lack is no more than a comment.
const OPTIONAL: &str = "optional: the pod fails to start where the kernel lacks it";

/// When values begin and end.
const LIFE: [&str; 3] = [
    "Values are set when the pod's sandbox is made. A container's restart keeps them, and what was changed live; a",
    "new sandbox, of this pod or another, has these and nothing else: what `tcptune apply --netns` tried in a pod must",
    "come here to stay. They cannot be changed on a pod that exists, and `net.*` cannot be set with `hostNetwork: true`.",
];

/// What holds for the whole fragment.
fn head(wishes: &[Wish<'_>]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut say = |text: &str| lines.push(comment(text));
    let set = || wishes.iter().filter(|wish| wish.is_set());
    let refused: Vec<&str> = set()
        .filter(|wish| wish.is_unsafe())
        .map(|wish| wish.key.as_str())
        .collect();
    if !refused.is_empty() {
        say(
            "Kubelets refuse what is unsafe: the pod ends as `SysctlForbidden`, and a Deployment makes",
        );
        say("new ones for ever, until the kubelet of the node is started with");
        say(&format!("  --allowed-unsafe-sysctls={}", refused.join(",")));
        say("or has in its configuration");
        say(&format!("  allowedUnsafeSysctls: [{}]", refused.join(", ")));
        say(
            "beside what is allowed there already. A namespace of Kubernetes that enforces the Pod Security level",
        );
        say("`baseline` or `restricted` refuses such pods all the same.");
    }
    if set().any(|wish| matches!(wish.permission, Permission::Safe(safe) if safe.since.is_some())) {
        say("What is safe since a version is unsafe to older ones.");
    }
    if wishes.iter().any(Wish::is_of_pods) {
        for line in LIFE {
            say(line);
        }
    }
    for wish in wishes {
        let words = wish.setting.words();
        match wish.permission {
            Permission::Node => say(&format!(
                "Left out, one for the whole node, where `tcptune apply` sets it: {} {words}",
                wish.key
            )),
            Permission::Unnamed => say(&format!(
                "Left out, as no runtime finds it by a name in a manifest: {} {words}",
                wish.key
            )),
            _ => {}
        }
    }
    lines
}

/// A comment of one line. YAML has no escapes in comments, and takes two more characters for no text.
fn comment(text: &str) -> String {
    let text = printable(text).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}");
    format!("# {text}")
}

/// A double-quoted scalar (YAML 1.2.2, 7.3.1), in ASCII.
fn quoted(text: &str) -> String {
    let escaped = text.chars().map(|c| match c {
        '"' | '\\' => format!("\\{c}"),
        ' '..='~' => c.to_string(),
        _ => format!("\\U{:08X}", u32::from(c)),
    });
    format!("\"{}\"", escaped.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::setting::{Origin, Part};

    fn part<T>(value: T, why: Option<&str>) -> Part<T> {
        let origin = Origin {
            profile: "p".into(),
            file: "p.toml".into(),
            line: Some(1),
        };
        let why = why.map(ToOwned::to_owned);
        Part { value, origin, why }
    }

    fn exact(value: &str) -> Setting {
        Setting {
            exact: Some(part(Value::new(value), None)),
            ..Setting::default()
        }
    }

    fn told(settings: &[(&str, Setting)]) -> String {
        let settings = settings.iter().cloned();
        let settings = settings.map(|(key, setting)| (key.parse().unwrap(), setting));
        fragment("x", &settings.collect())
    }

    fn body(text: &str) -> &str {
        text.split_once("securityContext:\n").unwrap().1
    }

    #[test]
    fn a_bound_becomes_a_value_that_never_lowers_the_default() {
        for (bound, value) in [(16384, "16384"), (128, "4096")] {
            let text = told(&[("net.core.somaxconn", least(bound))]);
            let item = format!(
                "  sysctls:\n    # unsafe; at least {bound}, as a pod takes no bounds\n    # why: bursts\n    \
                 - name: net.core.somaxconn\n      value: \"{value}\"\n"
            );
            assert_eq!(body(&text), item);
        }
        let unknown = told(&[("net.ipv4.ip_default_ttl", least(64))]);
        assert!(unknown.contains("value: \"64\""), "{unknown}");
    }

    fn least(value: i128) -> Setting {
        Setting {
            at_least: Some(part(value, Some("bursts"))),
            ..Setting::default()
        }
    }

    #[test]
    fn exactly_what_is_unsafe_and_printed_is_to_be_allowed() {
        let optional = Setting {
            optional: true,
            ..exact("5000")
        };
        let text = told(&[
            ("net.core.netdev_max_backlog", exact("5000")),
            ("net.core.somaxconn", exact("4096")),
            ("net.ipv4.conf.eth0/100.rp_filter", exact("1")),
            ("net.ipv4.ip_default_ttl", exact("64")),
            ("net.ipv4.tcp_keepalive_time", exact("600")),
            ("net.ipv4.tcp_rto_max_ms", optional),
        ]);
        for line in [
            "#   --allowed-unsafe-sysctls=net.core.somaxconn,net.ipv4.ip_default_ttl\n",
            "#   allowedUnsafeSysctls: [net.core.somaxconn, net.ipv4.ip_default_ttl]\n",
            "# What is safe since a version is unsafe to older ones.\n",
            "`tcptune apply` sets it: net.core.netdev_max_backlog 5000\n",
            "# Left out, as no runtime finds it by a name in a manifest: net.ipv4.conf.eth0/100.rp_filter 1\n",
            "    # safe since Kubernetes 1.29 and Linux 4.5\n    - name: net.ipv4.tcp_keepalive_time\n",
            "the kernel lacks it\n    # - name: net.ipv4.tcp_rto_max_ms\n    #   value: \"5000\"\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        assert_eq!(text.matches("- name: ").count(), 4, "{text}");
    }

    #[test]
    fn optional_items_can_be_uncommented_where_nothing_else_is_set() {
        let optional = Setting {
            optional: true,
            ..exact("5000")
        };
        let text = told(&[("net.ipv4.tcp_rto_max_ms", optional)]);
        assert!(body(&text).starts_with("  sysctls:\n    # "), "{text}");
        assert!(text.contains("sandbox"), "{text}");
    }

    #[test]
    fn nothing_for_a_pod_is_an_empty_list_and_no_advice() {
        let text = told(&[("net.core.netdev_max_backlog", exact("5000"))]);
        assert_eq!(body(&text), "  sysctls: []\n");
        assert!(!text.contains("--allowed") && !text.contains("sandbox"));
    }

    #[test]
    fn nothing_breaks_out_of_a_comment_or_a_value() {
        let hostile = Setting {
            exact: Some(part(
                Value::new("a\" \\ # b: \u{7f}"),
                Some("a\n- name: b\u{2028}\u{fffe}\r"),
            )),
            ..Setting::default()
        };
        let text = told(&[("net.ipv4.x", hostile)]);
        assert!(
            text.contains("# why: a\\n- name: b\\u{2028}\u{fffd}\\r\n"),
            "{text}"
        );
        assert!(
            text.contains("value: \"a\\\" \\\\ # b: \\U0000007F\"\n"),
            "{text}"
        );
    }
}
