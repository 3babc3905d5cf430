/* Usage: turbo_encode PLANES WIDTH HEIGHT QUALITY ROUNDS
 *
 * What encoding one picture costs with libjpeg-turbo, from the same planes as ours and to the same kind of JPEG:
 * 4:2:0, the standard's Huffman tables, the accurate integer DCT, a restart marker after each row of MCUs.
 * PLANES holds pictures one after the other, each Y, Cb and Cr; the sides are multiples of 16. Prints the program,
 * the CPU milliseconds of a picture and its bytes, both on average over ROUNDS times all pictures, with tabs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jpeglib.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

/* Pointers to the rows of one row of MCUs, which is what jpeg_write_raw_data takes. */
static void write_rows(struct jpeg_compress_struct *encoder, unsigned char *picture, int width, int height) {
  unsigned char *cb = picture + (size_t)width * height, *cr = cb + (size_t)width * height / 4;
  for (int top = 0; top < height; top += 16) {
    JSAMPROW y_rows[16], cb_rows[8], cr_rows[8];
    JSAMPARRAY planes[3] = {y_rows, cb_rows, cr_rows};
    for (int row = 0; row < 16; row++) y_rows[row] = picture + (size_t)(top + row) * width;
    for (int row = 0; row < 8; row++) {
      cb_rows[row] = cb + (size_t)(top / 2 + row) * (width / 2);
      cr_rows[row] = cr + (size_t)(top / 2 + row) * (width / 2);
    }
    jpeg_write_raw_data(encoder, planes, 16);
  }
}

/* Encodes one picture and gives its bytes. */
static unsigned long encode(struct jpeg_compress_struct *encoder, unsigned char *picture, int width, int height,
                            int quality) {
  unsigned char *jpeg = NULL;
  unsigned long size = 0;
  jpeg_mem_dest(encoder, &jpeg, &size);
  encoder->image_width = width;
  encoder->image_height = height;
  encoder->input_components = 3;
  encoder->in_color_space = JCS_YCbCr;
  jpeg_set_defaults(encoder); /* 4:2:0, the accurate integer DCT, the standard's tables */
  jpeg_set_quality(encoder, quality, TRUE);
  encoder->raw_data_in = TRUE;
  encoder->restart_in_rows = 1;
  jpeg_start_compress(encoder, TRUE);
  write_rows(encoder, picture, width, height);
  jpeg_finish_compress(encoder);
  free(jpeg);
  return size;
}

static double cpu_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

/* All of a file, whose size is set. */
static unsigned char *all_of(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) return NULL;
  *size = (size_t)ftell(file);
  rewind(file);
  unsigned char *bytes = malloc(*size);
  if (bytes && fread(bytes, 1, *size, file) != *size) bytes = NULL;
  fclose(file);
  return bytes;
}

int main(int argc, char **argv) {
  if (argc != 6) return fprintf(stderr, "usage: turbo_encode PLANES WIDTH HEIGHT QUALITY ROUNDS\n"), 2;
  int width = atoi(argv[2]), height = atoi(argv[3]), quality = atoi(argv[4]), rounds = atoi(argv[5]);
  size_t size = 0, each = (size_t)width * height * 3 / 2;
  unsigned char *planes = all_of(argv[1], &size);
  if (!planes || size < each || rounds < 1) return fprintf(stderr, "%s cannot be read\n", argv[1]), 1;

  struct jpeg_error_mgr errors;
  struct jpeg_compress_struct encoder;
  encoder.err = jpeg_std_error(&errors);
  jpeg_create_compress(&encoder);
  unsigned long bytes = 0, count = 0;
  double begin = cpu_ms();
  for (int round = 0; round < rounds; round++)
    for (size_t at = 0; at + each <= size; at += each, count++)
      bytes += encode(&encoder, planes + at, width, height, quality);
  printf("libjpeg-turbo " TEXT(LIBJPEG_TURBO_VERSION) "\t%.5f\t%lu\n", (cpu_ms() - begin) / count, bytes / count);
  jpeg_destroy_compress(&encoder);
  return 0;
}
