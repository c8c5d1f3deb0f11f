package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"

	"k8s.io/client-go/util/cert"
)

// certificates writes server.crt, server.key and ca.crt, which signed it, to a folder: certificates FOLDER HOST...
func certificates(arguments []string) error {
	if len(arguments) < 2 {
		return errors.New("usage: certificates FOLDER HOST...")
	}
	folder, hosts := arguments[0], arguments[1:]
	chain, key, err := cert.GenerateSelfSignedCertKey(hosts[0], []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(10, 0, 0, 1)}, hosts[1:])
	if err != nil {
		return err
	}
	// The chain is the server's certificate, then the authority's.
	second := bytes.LastIndex(chain, []byte("-----BEGIN CERTIFICATE-----"))
	for name, content := range map[string][]byte{"server.crt": chain, "server.key": key, "ca.crt": chain[second:]} {
		if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
