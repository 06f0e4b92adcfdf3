set -eu
# Runs in the image of an entry of nodeBinaries, after these lines of it: entry, binaries (their names), searched
# (directories of the image) and staged (the directory that all entries share). It needs a shell, mkdir and cp.
# Its text is part of the host digest: changing it installs every node with nodeBinaries again.

path_of() {
  for directory in $searched; do
    if [ -f "$directory/$1" ]; then
      echo "$directory/$1"
      return
    fi
  done
  echo "nodeBinaries.$entry: its image has no file $1 in any of $searched" >&2
  exit 1
}

mkdir -p "$staged/$entry"
for binary in $binaries; do
  path=$(path_of "$binary")
  cp "$path" "$staged/$entry/$binary"
  echo "staged $path"
done
