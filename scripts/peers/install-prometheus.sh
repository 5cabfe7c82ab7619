#!/bin/sh
# Debian's prometheus, promtool, alertmanager and amtool into $BENCH_CACHE/bin. Installs no package: those would start services.
set -eu
bin="${BENCH_CACHE:-$HOME/.cache/misstep-bench}/bin"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir -p "$bin"
cd "$work"
apt-get download prometheus prometheus-alertmanager
for package in *.deb; do dpkg -x "$package" unpacked; done
cp unpacked/usr/bin/prometheus unpacked/usr/bin/promtool unpacked/usr/bin/amtool "$bin"
cp unpacked/usr/bin/prometheus-alertmanager "$bin/alertmanager"
# Debian builds this path into its Alertmanager, which does not start without the files. Needs root where they are not there yet.
templates=/usr/share/prometheus/alertmanager
mkdir -p "$templates"
for name in default.tmpl email.tmpl; do
  if [ ! -e "$templates/$name" ]; then cp "unpacked$templates/$name" "$templates"; fi
done
