module sandbox/tools/node-program

go 1.26.0

require github.com/coreos/go-systemd/v22 v22.7.0

require github.com/godbus/dbus/v5 v5.1.0 // indirect
