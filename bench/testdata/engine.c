/*
 * The peer of the bench: what libcrypto with the GOST engine does in one process, initialised once, as a program
 * that signs all day would use it. Prints lines "what microseconds" (for a hash: "what megabytes-a-second") of
 * processor time of this thread.
 *
 * engine N DIR NAME...: N rounds of each operation; DIR holds doc and, for each NAME, NAME.sig (detached CMS), NAME.pem
 * (the signer's certificate) and NAME.key. OPENSSL_CONF loads the engine.
 */
#include <openssl/cms.h>
#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	ERR_print_errors_fp(stderr);
	exit(1);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

/* raw signs and verifies one digest under a key made for it. */
static void raw(const char *type, const char *param, const char *value, size_t size, int n)
{
	EVP_PKEY_CTX *make = EVP_PKEY_CTX_new_id(OBJ_sn2nid(type), NULL), *sign, *verify;
	EVP_PKEY *key = NULL;
	unsigned char digest[64], sig[256];
	size_t length = sizeof sig;
	double begin = 0, middle, end;

	memset(digest, 0x5a, sizeof digest);
	if (!make || EVP_PKEY_keygen_init(make) <= 0 || EVP_PKEY_CTX_ctrl_str(make, param, value) <= 0 || EVP_PKEY_keygen(make, &key) <= 0)
		die(type);
	sign = EVP_PKEY_CTX_new(key, NULL);
	verify = EVP_PKEY_CTX_new(key, NULL);
	if (!sign || !verify || EVP_PKEY_sign_init(sign) <= 0 || EVP_PKEY_verify_init(verify) <= 0)
		die(type);
	for (int i = -1; i < n; i++) {
		if (i == 0)
			begin = now(); /* one operation goes before, for the tables */
		length = sizeof sig;
		if (EVP_PKEY_sign(sign, sig, &length, digest, size) <= 0)
			die(type);
	}
	middle = now();
	if (EVP_PKEY_verify(verify, sig, length, digest, size) <= 0)
		die(type);
	end = now();
	printf("%s-%s-sign %f\n", type, value, (middle - begin) / n);
	begin = end;
	for (int i = 0; i < n; i++)
		if (EVP_PKEY_verify(verify, sig, length, digest, size) <= 0)
			die(type);
	printf("%s-%s-verify %f\n", type, value, (now() - begin) / n);
	EVP_PKEY_CTX_free(make);
	EVP_PKEY_CTX_free(sign);
	EVP_PKEY_CTX_free(verify);
	EVP_PKEY_free(key);
}

/* hash runs a digest over pieces of 64 KiB. */
static void hash(const char *name, int n)
{
	static unsigned char piece[1 << 16];
	unsigned char sum[64];
	const EVP_MD *md = EVP_get_digestbyname(name);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	double begin;

	if (!md || !EVP_DigestInit_ex(ctx, md, NULL))
		die(name);
	begin = now();
	for (int i = 0; i < n; i++)
		if (!EVP_DigestUpdate(ctx, piece, sizeof piece))
			die(name);
	if (!EVP_DigestFinal_ex(ctx, sum, NULL))
		die(name);
	printf("%s %f\n", name, (double)n * sizeof piece / (now() - begin));
	EVP_MD_CTX_free(ctx);
}

static BIO *file(const char *dir, const char *name, const char *end)
{
	char path[4096];
	BIO *b;

	snprintf(path, sizeof path, "%s/%s%s", dir, name, end);
	if (!(b = BIO_new_file(path, "rb")))
		die(path);
	return b;
}

/*
 * whole verifies a detached CMS that was read from memory, with the certificate at hand and no chain; and makes one with
 * the attributes of CAdES-BES, which it does not verify.
 */
static void whole(const char *dir, const char *name, int n)
{
	static unsigned char doc[1 << 20], sig[1 << 16];
	BIO *b = file(dir, "doc", "");
	int size = BIO_read(b, doc, sizeof doc), length;
	STACK_OF(X509) *certs = sk_X509_new_null();
	CMS_ContentInfo *cms;
	EVP_PKEY *key;
	X509 *cert;
	double begin = 0;

	BIO_free(b);
	b = file(dir, name, ".sig");
	length = BIO_read(b, sig, sizeof sig);
	BIO_free(b);
	b = file(dir, name, ".pem");
	if (size <= 0 || length <= 0 || !(cert = PEM_read_bio_X509(b, NULL, NULL, NULL)) || !sk_X509_push(certs, cert))
		die(name);
	BIO_free(b);
	b = file(dir, name, ".key");
	if (!(key = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL)))
		die(name);
	BIO_free(b);
	for (int i = -1; i < n; i++) {
		const unsigned char *p = sig;

		if (i == 0)
			begin = now();
		cms = d2i_CMS_ContentInfo(NULL, &p, length);
		b = BIO_new_mem_buf(doc, size);
		if (!cms || CMS_verify(cms, certs, NULL, b, NULL, CMS_BINARY | CMS_DETACHED | CMS_NOINTERN | CMS_NO_SIGNER_CERT_VERIFY) <= 0)
			die(name);
		BIO_free(b);
		CMS_ContentInfo_free(cms);
	}
	printf("%s-cms-verify %f\n", name, (now() - begin) / n);
	for (int i = -1; i < n; i++) {
		unsigned char *out = NULL;

		if (i == 0)
			begin = now();
		b = BIO_new_mem_buf(doc, size);
		cms = CMS_sign(cert, key, NULL, b, CMS_BINARY | CMS_DETACHED | CMS_CADES | CMS_NOSMIMECAP);
		if (!cms || i2d_CMS_ContentInfo(cms, &out) <= 0)
			die(name);
		OPENSSL_free(out);
		BIO_free(b);
		CMS_ContentInfo_free(cms);
	}
	printf("%s-cms-sign %f\n", name, (now() - begin) / n);
	sk_X509_pop_free(certs, X509_free);
	EVP_PKEY_free(key);
}

int main(int argc, char **argv)
{
	static const char *const sets256[] = {"A", "B", "C", "TCA"}, *const sets512[] = {"A", "B", "C"};
	int n = argc > 2 ? atoi(argv[1]) : 0;

	if (n < 1)
		die("usage: engine N DIR NAME...");
	if (!OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_ADD_ALL_DIGESTS, NULL))
		die("configuration");
	for (int i = 0; i < 4; i++)
		raw("gost2012_256", "paramset", sets256[i], 32, n);
	for (int i = 0; i < 3; i++)
		raw("gost2012_512", "paramset", sets512[i], 64, n / 4 + 1);
	raw("id-ecPublicKey", "ec_paramgen_curve", "P-256", 32, n);
	hash("md_gost12_256", n / 8 + 1);
	hash("md_gost12_512", n / 8 + 1);
	for (int i = 3; i < argc; i++)
		whole(argv[2], argv[i], n);
	return 0;
}
