package grip

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

const minRSABits = 2048

// isPEM tells a key in PEM from a secret.
func isPEM(key []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(key), []byte("-----BEGIN"))
}

// parsePEM reads a private key, and which algorithm goes with it.
func parsePEM(text []byte) (jwt.SigningMethod, any, error) {
	block, err := onlyBlock(text)
	if err != nil {
		return nil, nil, err
	}
	key, err := parseBlock(block)
	if err != nil {
		return nil, nil, err
	}
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		if k.Curve != elliptic.P256() {
			return nil, nil, fmt.Errorf("the key is of the curve %s, and GRIP signs with P-256: "+
				"make one with openssl ecparam -name prime256v1 -genkey -noout", k.Curve.Params().Name)
		}
		return jwt.SigningMethodES256, k, nil
	case *rsa.PrivateKey:
		if bits := k.N.BitLen(); bits < minRSABits {
			return nil, nil, fmt.Errorf("the RSA key has %d bits, and at least %d are needed: make one with openssl genrsa %d", bits, minRSABits, minRSABits)
		}
		return jwt.SigningMethodRS256, k, nil
	}
	return nil, nil, errors.New("the key is neither EC nor RSA, and GRIP signs with these: make one with openssl ecparam -name prime256v1 -genkey -noout")
}

// onlyBlock returns the one block with a key. openssl ecparam writes the curve's
// name before it, in a block of its own.
func onlyBlock(text []byte) (key *pem.Block, err error) {
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		switch {
		case block == nil && key == nil:
			return nil, errors.New("the key begins as PEM and is broken: copy it again, with its first and last line")
		case block == nil && bytes.Contains(text, []byte("-----BEGIN")):
			return nil, errors.New("the key is followed by a PEM block that is broken: leave only the private key")
		case block == nil:
			return key, nil
		case block.Type == "EC PARAMETERS":
		case key != nil:
			return nil, fmt.Errorf("there is a second PEM block, %s: leave only the private key", block.Type)
		default:
			key = block
		}
	}
}

func parseBlock(block *pem.Block) (key any, err error) {
	if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
		return nil, errors.New("the key is encrypted: decrypt it with openssl pkey, and keep the file from others")
	}
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("the PEM block is %s: GRIP signs with a private key (EC of P-256, or RSA), and apps verify with the public one", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("the key in %s cannot be read: %w", block.Type, err)
	}
	return key, nil
}
