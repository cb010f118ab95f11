/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

#include <json-glib/json-glib.h>
#include <string.h>

#include "directory.h"
#include "duration.h"
#include "json.h"
#include "pipes-json.h"

static char *read_all(FfRegistry *registry, const FfCaller *caller, gboolean sees_all, gsize piece)
{
    g_autoptr(FfPipesReader) reader = ff_pipes_reader_new(caller, sees_all);
    GString *all = g_string_new(NULL);
    gsize before;

    do {
        before = all->len;
        ff_pipes_reader_fill(reader, registry, all, all->len + piece);
    } while (all->len > before);
    return g_string_free(all, FALSE);
}

static JsonObject *parse(const char *line)
{
    g_autoptr(JsonNode) node = json_from_string(line, NULL);

    assert_non_null(node);
    return json_object_ref(json_node_get_object(node));
}

static void any_bytes_make_valid_json(void **state)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(6);

    for (int i = 0; i < 5000; i++) {
        g_autoptr(GString) json = g_string_new("[");
        g_autoptr(JsonNode) node = NULL;
        char bytes[12] = {0};

        for (guint k = 0; k < sizeof bytes - 1; k++)
            bytes[k] = (char)g_rand_int_range(random, 1, 256);
        ff_json_append_string(json, bytes);
        g_string_append_c(json, ']');
        assert_true(g_utf8_validate(json->str, -1, NULL));
        node = json_from_string(json->str, NULL);
        assert_non_null(node);
        if (g_utf8_validate(bytes, -1, NULL))
            assert_string_equal(json_array_get_string_element(json_node_get_array(node), 0), bytes);
    }
}

static void line_tells_all_of_a_fifo(void **state)
{
    g_autoptr(FfRegistry) registry = test_registry();
    FfNode *directory = make_directory(registry, ff_registry_root(registry), "build");
    FfNode *node = make_fifo(registry, directory, "log");
    g_autofree char *text = read_all(registry, &ROOT, TRUE, 4096);
    g_autoptr(JsonObject) line = parse(text);

    assert_string_equal(json_object_get_string_member(line, "path"), "build/log");
    assert_false(json_object_has_member(line, "path_b64"));
    assert_int_equal(json_object_get_int_member(line, "id"), node->id);
    assert_string_equal(json_object_get_string_member(line, "mode"), "0600");
    assert_true(json_object_get_null_member(line, "creator"));
    assert_string_equal(json_object_get_string_member(line, "state"), "new");
    assert_false(json_object_get_boolean_member(line, "used"));
    assert_true(json_object_get_null_member(line, "last_used"));
    assert_string_equal(json_object_get_string_member(line, "lifetime"), "auto");
    assert_int_equal(json_object_get_int_member(line, "linger"), 30);
    assert_int_equal(json_object_get_int_member(line, "grace"), 900);
    assert_true(json_object_get_null_member(line, "max_age"));
    assert_int_equal(json_object_get_int_member(line, "expires"),
                     json_object_get_int_member(line, "created") + 900);
    assert_string_equal(json_object_get_string_member(line, "reason"), "unused");
}

static void name_that_is_not_utf8_comes_in_base64_too(void **state)
{
    g_autoptr(FfRegistry) registry = test_registry();
    g_autofree char *text = NULL;
    g_autofree guchar *bytes = NULL;
    gsize length;

    make_fifo(registry, ff_registry_root(registry), "a\xff\n");
    text = read_all(registry, &ROOT, TRUE, 4096);
    g_autoptr(JsonObject) line = parse(text);
    bytes = g_base64_decode(json_object_get_string_member(line, "path_b64"), &length);
    assert_int_equal(length, 3);
    assert_memory_equal(bytes, "a\xff\n", 3);
}

static void callers_see_what_they_could_list(void **state)
{
    g_autoptr(FfRegistry) registry = test_registry();
    FfNode *root = ff_registry_root(registry);
    FfNode *private = make_directory(registry, root, "private");
    FfNode *below = make_directory(registry, private, "below");
    const gid_t groups[] = {500, 600};
    const FfCaller in_group = {.uid = 1003, .groups = groups, .n_groups = 2};

    private->uid = ALICE.uid;
    private->gid = 600;
    private->mode = S_IFDIR | 0700;
    make_fifo(registry, below, "secret");
    g_autofree char *for_bob = read_all(registry, &BOB, FALSE, 4096);
    g_autofree char *for_alice = read_all(registry, &ALICE, FALSE, 4096);
    g_autofree char *for_all_seeing = read_all(registry, &BOB, TRUE, 4096);

    assert_string_equal(for_bob, "");
    assert_non_null(strstr(for_alice, "private/below/secret"));
    assert_non_null(strstr(for_all_seeing, "secret"));
    private->mode = S_IFDIR | 0750;
    g_autofree char *for_group = read_all(registry, &in_group, FALSE, 4096);
    assert_non_null(strstr(for_group, "secret"));
}

static void pieces_of_any_size_make_the_same_list(void **state)
{
    g_autoptr(FfRegistry) registry = test_registry();
    FfNode *directory = ff_registry_root(registry);
    g_autofree char *whole = NULL;

    for (int i = 0; i < 30; i++) {
        g_autofree char *name = g_strdup_printf("n%d", i);

        make_fifo(registry, directory, name);
        if (i % 7 == 0)
            directory = make_directory(registry, directory, "d");
    }
    whole = read_all(registry, &ROOT, TRUE, 1 << 20);
    for (gsize piece = 1; piece < 2000; piece += 97) {
        g_autofree char *text = read_all(registry, &ROOT, TRUE, piece);

        assert_string_equal(text, whole);
    }
}

static void directory_that_goes_while_it_is_listed_is_left(void **state)
{
    g_autoptr(FfRegistry) registry = test_registry();
    FfNode *root = ff_registry_root(registry);
    FfNode *directory = make_directory(registry, root, "d");
    g_autoptr(FfPipesReader) reader = ff_pipes_reader_new(&ROOT, TRUE);
    g_autoptr(GString) text = g_string_new(NULL);

    make_fifo(registry, directory, "first");
    make_fifo(registry, root, "last");
    ff_pipes_reader_fill(reader, registry, text, 1);
    ff_registry_unlink(registry, directory, "first", &ROOT);
    ff_registry_rmdir(registry, root, "d", &ROOT);
    ff_pipes_reader_fill(reader, registry, text, 1 << 20);
    assert_non_null(strstr(text->str, "d/first"));
    assert_non_null(strstr(text->str, "\"last\""));
}

static void seconds_are_written_to_the_microsecond(void **state)
{
    g_autoptr(GString) text = g_string_new(NULL);

    ff_json_append_seconds(text, 12 * SEC);
    g_string_append_c(text, ' ');
    ff_json_append_seconds(text, 1500 * MS + 1);
    g_string_append_c(text, ' ');
    ff_json_append_seconds_or_null(text, FF_DURATION_INFINITY);
    assert_string_equal(text->str, "12 1.500001 null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_bytes_make_valid_json),
        cmocka_unit_test(line_tells_all_of_a_fifo),
        cmocka_unit_test(name_that_is_not_utf8_comes_in_base64_too),
        cmocka_unit_test(callers_see_what_they_could_list),
        cmocka_unit_test(pieces_of_any_size_make_the_same_list),
        cmocka_unit_test(directory_that_goes_while_it_is_listed_is_left),
        cmocka_unit_test(seconds_are_written_to_the_microsecond),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
