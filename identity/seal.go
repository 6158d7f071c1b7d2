package identity

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
)

// A pool's credential is stored encrypted with the refresh token that its session has now: what is stored opens nothing,
// and a session that is deleted takes it along.

func credentialCipher(secret []byte) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "parley pool credential", 32)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make a cipher: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func seal(secret []byte, sessionID, credential string) ([]byte, error) {
	if credential == "" {
		return nil, nil
	}
	c, err := credentialCipher(secret)
	if err != nil {
		return nil, err
	}
	return c.Seal(nil, nil, []byte(credential), []byte(sessionID)), nil
}

func unseal(secret []byte, sessionID string, sealed []byte) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	c, err := credentialCipher(secret)
	if err != nil {
		return "", err
	}
	credential, err := c.Open(nil, nil, sealed, []byte(sessionID))
	if err != nil {
		return "", fmt.Errorf("decrypt the credential of a session: %w", err)
	}
	return string(credential), nil
}
