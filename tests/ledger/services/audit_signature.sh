# The signature of a report, checked with OpenSSL and nothing of ours: bash audit_signature.sh report.pdf FOLDER
# docs/audit.md prints these commands; a test compares the two and runs them.
set -e
pdf=$1; cd "$2"
range=$(grep -a -o '/ByteRange \[0 [0-9]* [0-9]* [0-9]*\]' "$pdf" | tail -1 | tr -d '[]')
read -r _ _ cut rest tail <<< "$range"; cut=$((10#$cut)); rest=$((10#$rest)); tail=$((10#$tail))
test $((rest + tail)) -eq "$(wc -c < "$pdf")"                                    # up to the last byte of the file
{ head -c $cut "$pdf"; tail -c $tail "$pdf"; } > covered.bin                     # all but the hole
head -c $((rest - 1)) "$pdf" | tail -c $((rest - cut - 2)) | xxd -r -p > hole.bin  # DER, then zeros
head -c $((2 + $(od -An -tu1 -j1 -N1 hole.bin))) hole.bin > signature.der
grep -a -o '/XXPublicKey <[0-9a-f]*' "$pdf" | tail -1 | cut -d'<' -f2 | xxd -r -p |
  openssl pkey -pubin -inform DER -out signer.pem
openssl pkeyutl -verify -rawin -digest sm3 -pkeyopt distid:1234567812345678 \
  -pubin -inkey signer.pem -sigfile signature.der -in covered.bin
