# dirbridge - build, test, install. `make help` lists the targets.
PREFIX ?= /usr/local
DESTDIR ?=
CC ?= cc
CFLAGS ?= -O2 -g
BUILD ?= build
SANITIZE ?=
V ?= 0

PKGS = ldap libcurl jansson yaml-0.1 sqlite3 libpcre2-8 libmicrohttpd libssl libcrypto krb5-gssapi krb5 zlib
WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wwrite-strings -Wformat=2 -Wno-format-nonliteral
# Developers build with warnings as errors; packagers may set WERROR= .
WERROR ?= -Werror
HARDEN = -fstack-protector-strong -fPIE
VERSION = 0.1.0

ALL_CFLAGS = -std=gnu11 -D_GNU_SOURCE -I. $(WARN) $(WERROR) $(HARDEN) $(CFLAGS) \
	-DDIRBRIDGE_VERSION='"$(VERSION)"' \
	-DDIRBRIDGE_STOCK_DIR='"$(PREFIX)/share/dirbridge/mappings/stock"' $(PKG_CFLAGS) $(SAN_FLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now $(LDFLAGS) $(SAN_FLAGS)
ifneq ($(SANITIZE),)
SAN_FLAGS = -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all
endif
# Only asked for when something is compiled, so that `make deps` runs before they are there.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)
LIBS = $(PKG_LIBS) -llber -lresolv -lm

ifeq ($(V),0)
Q = @
say = @printf '  %-6s %s\n' $(1) $(2);
else
Q =
say =
endif

scim_src := $(sort $(wildcard scim/*.c scim/base/*.c))
mappings_src := $(sort $(wildcard mappings/*.c))
bridge_src := $(sort $(wildcard bridge/*.c bridge/*/*.c))
main_src := bridge/main.c
sandbox_main_src := bridge/sandbox/main.c
bridge_lib_src := $(filter-out $(main_src) $(sandbox_main_src),$(bridge_src))

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
libscim = $(BUILD)/libscim.a
libmappings = $(BUILD)/libmappings.a
libbridge = $(BUILD)/libbridge.a

unit_src := $(sort $(wildcard tests/scim/test_*.c tests/mappings/test_*.c tests/bridge/test_*.c))
unit_bin := $(patsubst tests/%.c,$(BUILD)/tests/%,$(unit_src))
tool_src := $(sort $(wildcard tests/tools/*.c tests/bench/*.c))
tool_bin := $(patsubst tests/%.c,$(BUILD)/tests/%,$(tool_src))
fuzz_src := $(sort $(wildcard tests/fuzz/fuzz_*.c))
fuzz_bin := $(patsubst tests/%.c,$(BUILD)/tests/%,$(fuzz_src))

# JSON Schemas that editors and readers of plans use, printed by the program itself.
schemas := $(patsubst %,$(BUILD)/schema/%.json,settings rules test plan)

.PHONY: all deps demo check unit tools headers bench lint fuzz install uninstall clean help tests-build
JOBS ?= $(shell nproc)
# As many jobs as cores unless told otherwise (JOBS=); a make below this one shares its jobs.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += --jobs=$(JOBS)
endif
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BUILD)/dirbridge $(BUILD)/dirbridge-sandbox

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The files that become part of the HTML report.
$(BUILD)/obj/bridge/report/page_parts.o: $(addprefix bridge/report/page.,css html js)

$(libscim): $(call obj,$(scim_src))
$(libmappings): $(call obj,$(mappings_src))
$(libbridge): $(call obj,$(bridge_lib_src))
$(libscim) $(libmappings) $(libbridge):
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/dirbridge: $(call obj,$(main_src)) $(libbridge) $(libmappings) $(libscim)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/dirbridge-sandbox: $(call obj,$(sandbox_main_src)) $(libbridge) $(libmappings) $(libscim)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/schema/%.json: $(BUILD)/dirbridge
	$(call say,SCHEMA,$@)
	@mkdir -p $(@D)
	$(Q)$(BUILD)/dirbridge check --schema $* >$@

# A test links what its layer may know and nothing else: a backward reference fails to link.
$(BUILD)/tests/scim/%: $(BUILD)/obj/tests/scim/%.o $(libscim)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(LIBS)
$(BUILD)/tests/mappings/%: $(BUILD)/obj/tests/mappings/%.o $(libmappings) $(libscim)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(LIBS)
$(BUILD)/tests/bridge/%: $(BUILD)/obj/tests/bridge/%.o $(libbridge) $(libmappings) $(libscim)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(LIBS)
$(BUILD)/tests/tools/%: $(BUILD)/obj/tests/tools/%.o $(libbridge) $(libmappings) $(libscim)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
# Loaded before a program's libraries, to disturb it.
preload_so := $(patsubst tests/%.c,$(BUILD)/tests/%.so,$(sort $(wildcard tests/preload/*.c)))
$(BUILD)/tests/preload/%.so: tests/preload/%.c
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -shared -fPIC -o $@ $< -ldl
$(BUILD)/tests/bench/%: $(BUILD)/obj/tests/bench/%.o $(libbridge) $(libmappings) $(libscim)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
# With FUZZER= (clang: -fsanitize=fuzzer) libFuzzer drives; else a driver runs the corpus.
FUZZ_DRIVER = $(if $(FUZZER),,$(BUILD)/obj/tests/fuzz/driver.o)
$(BUILD)/tests/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(FUZZ_DRIVER) $(libbridge) $(libmappings) $(libscim)
	$(call say,LD,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) $(FUZZER) -o $@ $^ $(LIBS)

tests-build: all $(unit_bin) $(tool_bin) $(fuzz_bin) $(preload_so)

ONLY ?=
unit: $(if $(ONLY),$(filter %/$(ONLY),$(unit_bin)),$(unit_bin))
	@for t in $^; do echo "== $$t"; $$t || exit 1; done

# --- what a newcomer runs ----------------------------------------------------------------

deps:
	@tests/deps.sh

demo: deps
	$(Q)$(MAKE) all tools
	$(Q)BUILD=$(BUILD) tests/e2e/demo.sh

# Unit tests twice (plain, then under ASan and UBSan), fuzz corpora, and the whole runs.
check: deps
	$(Q)$(MAKE) tests-build headers
	$(Q)$(MAKE) BUILD=$(BUILD)/san SANITIZE=address,undefined CFLAGS='-O1 -g' tests-build
	$(Q)BUILD=$(BUILD) SAN_BUILD=$(BUILD)/san tests/check.sh

tools: $(tool_bin) $(preload_so)

bench: deps
	$(Q)$(MAKE) all tools
	$(Q)BUILD=$(BUILD) tests/bench/run.sh $(ONLY)

# Each header compiles alone.
header_src := $(sort $(wildcard scim/*.h scim/base/*.h mappings/*.h bridge/*.h bridge/*/*.h))
headers: $(patsubst %.h,$(BUILD)/obj/%.h.ok,$(header_src))
$(BUILD)/obj/%.h.ok: %.h
	@mkdir -p $(@D)
	$(call say,HDR,$<)
	$(Q)$(CC) $(ALL_CFLAGS) -fsyntax-only -include $< -x c /dev/null && touch $@

lint: deps
	$(Q)$(MAKE) BUILD=$(BUILD)/clang CC=clang tests-build
	$(Q)BUILD=$(BUILD) tests/lint.sh

fuzz: deps
	$(Q)$(MAKE) BUILD=$(BUILD)/fuzz CC=clang FUZZER=-fsanitize=fuzzer \
		SANITIZE=address,undefined,fuzzer-no-link $(patsubst $(BUILD)/%,$(BUILD)/fuzz/%,$(fuzz_bin))
	$(Q)BUILD=$(BUILD)/fuzz tests/fuzz/run.sh $(ONLY)

install: all $(schemas)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/doc/dirbridge
	install -m 755 $(BUILD)/dirbridge $(BUILD)/dirbridge-sandbox $(DESTDIR)$(PREFIX)/bin/
	install -m 644 README.md LICENSE $(DESTDIR)$(PREFIX)/share/doc/dirbridge/
	install -d $(DESTDIR)$(PREFIX)/share/dirbridge/schema
	install -m 644 $(schemas) $(DESTDIR)$(PREFIX)/share/dirbridge/schema/
	[ ! -d mappings/stock ] || { \
		install -d $(DESTDIR)$(PREFIX)/share/dirbridge/mappings/stock && \
		install -m 644 mappings/stock/*.yaml $(DESTDIR)$(PREFIX)/share/dirbridge/mappings/stock/; }
	cd examples && find . -type d -exec install -d '$(abspath $(DESTDIR)$(PREFIX))/share/doc/dirbridge/examples/{}' \; \
		&& find . -type f -exec install -m 644 '{}' '$(abspath $(DESTDIR)$(PREFIX))/share/doc/dirbridge/examples/{}' \;
	find $(DESTDIR)$(PREFIX)/share/doc/dirbridge/examples -name '*.yaml' -exec \
		sed -i '1s,=/usr/local/share/,=$(PREFIX)/share/,' '{}' +

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/dirbridge $(DESTDIR)$(PREFIX)/bin/dirbridge-sandbox
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/dirbridge $(DESTDIR)$(PREFIX)/share/dirbridge

help:
	@echo 'make deps       install the Debian packages that build, tests and demo need'
	@echo 'make all        build/dirbridge and build/dirbridge-sandbox'
	@echo 'make demo       the main job on real parts, start to end'
	@echo 'make check      all tests (make unit ONLY=test_name for one)'
	@echo 'make check LONG=1  the same, and connections that end at every byte, every kill point, 2,000 people into scimmy (hours)'
	@echo 'make bench      benchmarks beside their references (ONLY=name for some)'
	@echo 'make lint       clang build, clang-tidy, cppcheck, shellcheck'
	@echo 'make fuzz       libFuzzer on each parser (ONLY=name, FUZZ_SECONDS=60 each)'
	@echo 'make install uninstall clean   PREFIX=$(PREFIX) DESTDIR='

clean:
	rm -rf $(BUILD)

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
