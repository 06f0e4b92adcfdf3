set -eu
# Puts what the entries of nodeBinaries staged into /usr/local/bin of the host, and removes what earlier runs put there.
# Runs after these lines of it: staged (their directory; empty to remove everything), target (the host's directory),
# marker (the file that lists what is ours) and lock.
# Its text is part of the host digest: changing it installs every node with nodeBinaries again.

refuse() {
  echo "$1" >&2
  exit 1
}

among() {
  case " $2 " in *" $1 "*) ;; *) return 1 ;; esac
}

record() {
  printf '%s\n' $1 >"$marker.new"
  mv "$marker.new" "$marker"
}

exec 9>"$lock"
flock 9

owned=
if [ -f "$marker" ]; then
  owned=$(echo $(cat "$marker"))
fi

wanted=
for file in ${staged:+"$staged"/*/*}; do
  [ -f "$file" ] || refuse "nothing was staged: see the logs of the containers that run before this one"
  binary=${file##*/}
  if among "$binary" "$wanted"; then
    refuse "two entries of nodeBinaries have $binary: remove it from one of them"
  fi
  if ! among "$binary" "$owned" && { [ -e "$target/$binary" ] || [ -L "$target/$binary" ]; }; then
    refuse "/usr/local/bin/$binary exists, and not from this installation: delete it, or remove $binary from nodeBinaries"
  fi
  wanted="$wanted $binary"
done

if [ -z "$owned$wanted" ]; then
  exit
fi

# Both, so that no file is without an owner wherever this is interrupted.
record "$owned $wanted"
for binary in $wanted; do
  cp "$staged"/*/"$binary" "$target/.$binary.new"
  chmod 0755 "$target/.$binary.new"
  mv "$target/.$binary.new" "$target/$binary"
  echo "installed /usr/local/bin/$binary"
done
for binary in $owned; do
  if ! among "$binary" "$wanted"; then
    rm -f "$target/$binary" "$target/.$binary.new"
    echo "removed /usr/local/bin/$binary"
  fi
done
if [ -n "$wanted" ]; then
  record "$wanted"
else
  rm "$marker"
fi
