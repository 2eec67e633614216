// Writes the golden frames of the unit tests as seeds: write_parse_corpus tests/fuzz/corpus/parse
#include <cstdio>
#include <fstream>
#include <string>

#include "dataplane/net/testing/frames.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  for (const weft::wire_test::GoldenFrame& frame : weft::wire_test::golden_frames()) {
    std::ofstream file{std::string{argv[1]} + "/" + frame.name, std::ios::binary};
    for (const std::uint8_t octet : frame.octets) file.put(static_cast<char>(octet));
    if (!file.flush()) {
      std::fprintf(stderr, "%s/%s: cannot be written\n", argv[1], frame.name);
      return 1;
    }
  }
  return 0;
}
