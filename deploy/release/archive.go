package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// An archiver takes files in the order they come.
type archiver interface {
	add(name string, mode fs.FileMode, text []byte) error
	io.Closer
}

// archive writes a .tar.gz, or a .zip for Windows: one folder with the binary, the
// documents, and what else an installation by hand may want.
func (r *release) archive(s stage, t target) (err error) {
	name := fmt.Sprintf("cometproxy_%s_%s_%s", r.version, t.system, t.arch)
	ending, open := ".tar.gz", r.openTar
	if t.system == "windows" {
		ending, open = ".zip", r.openZip
	}
	f, err := os.Create(filepath.Join(r.out, name+ending))
	if err != nil {
		return err
	}
	defer f.Close()
	a := open(f)
	binary, err := os.ReadFile(s.path(t.binary()))
	if err != nil {
		return err
	}
	if err := a.add(name+"/"+t.binary(), 0o755, binary); err != nil {
		return err
	}
	licence, err := os.ReadFile("LICENSE")
	if err != nil {
		return err
	}
	if err := a.add(name+"/LICENSE", 0o644, licence); err != nil {
		return err
	}
	trees := map[string]string{"": s.path("doc"), "/completion": s.path("completion", "archive")}
	if t.system == "linux" {
		trees["/systemd"] = "deploy/systemd"
	}
	for _, below := range []string{"", "/completion", "/systemd"} {
		if dir, ok := trees[below]; ok {
			if err := addTree(a, name+below, dir); err != nil {
				return err
			}
		}
	}
	if err := a.Close(); err != nil {
		return err
	}
	return f.Close()
}

// addTree adds a folder's files, in the order of their names.
func addTree(a archiver, name, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "copyright" { // which is Debian's
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		rest, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return a.add(name+"/"+filepath.ToSlash(rest), 0o644, text)
	})
}

type tarFile struct {
	r    *release
	gzip *gzip.Writer
	tar  *tar.Writer
}

func (r *release) openTar(f io.Writer) archiver {
	z, _ := gzip.NewWriterLevel(f, gzip.BestCompression) // the level is one
	return &tarFile{r, z, tar.NewWriter(z)}
}

func (a *tarFile) add(name string, mode fs.FileMode, text []byte) error {
	if err := a.tar.WriteHeader(&tar.Header{Name: name, Mode: int64(mode), Size: int64(len(text)),
		ModTime: a.r.date, Uname: "root", Gname: "root", Format: tar.FormatUSTAR}); err != nil {
		return err
	}
	_, err := a.tar.Write(text)
	return err
}

func (a *tarFile) Close() error {
	if err := a.tar.Close(); err != nil {
		return err
	}
	return a.gzip.Close()
}

type zipFile struct {
	r   *release
	zip *zip.Writer
}

func (r *release) openZip(f io.Writer) archiver { return &zipFile{r, zip.NewWriter(f)} }

func (a *zipFile) add(name string, mode fs.FileMode, text []byte) error {
	h := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: a.r.date}
	h.SetMode(mode)
	w, err := a.zip.CreateHeader(h)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

func (a *zipFile) Close() error { return a.zip.Close() }
