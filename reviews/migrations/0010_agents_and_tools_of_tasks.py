from django.db import migrations

# Who asked, and which tools, of tasks from before these were kept. Names that Postgres cannot
# write as text (NUL, lone surrogates) are left out: such a task is found by its title.
FILL = r"""
UPDATE reviews_reviewtask SET agent = left(graph_id, 80);
UPDATE reviews_reviewtask AS task SET agent = left(assistant.name, 80)
    FROM runs_assistant AS assistant
    WHERE assistant.id = task.assistant_id AND assistant.name NOT IN ('', 'Untitled');
UPDATE reviews_reviewtask AS task SET tools = ARRAY(
        SELECT DISTINCT left(request ->> 'name', 200)
        FROM json_array_elements(task.value -> 'action_requests') AS request
    )
    WHERE shape = 'b' AND value::text !~* '\\u(0000|d[89a-f])';
UPDATE reviews_reviewtask SET tools = ARRAY[left(value ->> 'name', 200)]
    WHERE shape = 'b2' AND value::text !~* '\\u(0000|d[89a-f])';
UPDATE reviews_reviewtask AS task SET tools = ARRAY(
        SELECT DISTINCT left(request -> 'action_request' ->> 'action', 200)
        FROM json_array_elements(
            CASE json_typeof(task.value) WHEN 'array' THEN task.value
            ELSE json_build_array(task.value) END
        ) AS request
    )
    WHERE shape = 'c' AND value::text !~* '\\u(0000|d[89a-f])';
"""


class Migration(migrations.Migration):
    dependencies = [("reviews", "0009_marks_and_saved_views")]

    operations = [migrations.RunSQL(FILL, migrations.RunSQL.noop)]
